# SPDX-License-Identifier: Apache-2.0
"""Types as C and C++ spell them, brought to one spelling: qualifiers gone, words of integers in one order."""
import re

QUALIFIERS = {"const", "volatile", "restrict", "__restrict", "_Atomic"}
WORDS = {"signed", "unsigned", "short", "long", "int", "char", "double", "float", "_Complex", "complex", "__int128"}
ALIKE = {"bool": "_Bool"}
ONE_TYPE = {"wchar_t": "int"}  # types of one encoding and size are one uniqtype
TOKEN = re.compile(r"[A-Za-z_][\w]*|\d+|::|&&|\.\.\.|[^\s]")


def one_word(words, merged=True):
    """"long unsigned int" -> "unsigned long"; types that are one and the same on x86-64 get one name."""
    words = ["_Complex" if word == "complex" else word for word in words]
    if words == ["_Complex"]:
        return "_Complex"
    if "float" in words or "double" in words:
        return " ".join(sorted(words))
    sign = "unsigned" if "unsigned" in words else ""
    if words.count("long") == 2 and not merged:
        return f"{sign} long long".strip()
    for size in ("char", "short", "__int128", "long"):
        if size in words:
            break
    else:
        size = "int"
    return f"{sign} {size}".strip()


def exact(text, size):
    """One spelling of a type of that size; different types keep different ones. Of the complex numbers clang's debug information gives
    the name "complex" to all three, and so does gdb: which it is, the size says."""
    name = normalise(text, merged=False)
    return {8: "_Complex float", 16: "_Complex double", 32: "_Complex double long"}.get(size, name) if name == "_Complex" else name


def normalise(text, merged=True):
    tokens = [token for token in TOKEN.findall(text) if token not in QUALIFIERS]
    out, words = [], []
    for token in tokens + [""]:
        if token in WORDS:
            words.append(token)
            continue
        if words:
            out.append(one_word(words, merged))
            words = []
        out.append(ALIKE.get(token, ONE_TYPE.get(token, token) if merged else token))
    joined = " ".join(out).strip()
    joined = re.sub(r"\s*([*&()\[\],<>:])\s*", r"\1", joined)
    return joined.replace("(void)", "()")


def tight(path):
    """A path without the blanks before stars, and without the namespace that has no name."""
    return re.sub(r"\s+(?=[*(\[])", "", path.replace("(anonymous namespace)::", ""))


def pointer_to(text):
    """The spelling of a pointer to the type that `text` spells."""
    if "(*" in text:
        return text.replace("(*", "(**", 1)
    if text.endswith("]"):
        return text.replace("[", "(*)[", 1)
    return text + "*"


def array_of(text):
    """The spelling of an array without a length of the type that `text` spells."""
    if "(*" in text:
        return text.replace("(*", "(*[]", 1)
    if text.endswith("]"):
        return text.replace("[", "[][", 1)
    return text + "[]"


def is_bit_field(got, declared, bits):
    """Is `got` a bit-field of so many bits, signed like `declared`, of a type that has so many bits?

    The type of a bit-field is its bits; `char a : 3` and `int b : 3` are of one type."""
    word, _, width = normalise(got).rpartition(":")
    kind = normalise(declared)
    room = {"_Bool": 1, "char": 8, "short": 16, "int": 32, "long": 64}.get(word.split(" ")[-1], 0)
    same_sign = word.startswith("unsigned") == kind.startswith("unsigned") and (word == "_Bool") == (kind == "_Bool")
    return width == str(bits) and same_sign and bits <= room


def is_aggregate(text):
    text = normalise(text)
    if text.endswith("]"):
        return "(*" not in text
    return not (text.endswith("*") or "(*" in text or text.endswith("&")) and bool(
        re.match(r"(struct|union|class) |complex_t", text))


def base_name(word):
    encodings = {
        "char": "signed_char$8", "unsigned char": "unsigned_char$8", "short": "int$16", "unsigned short": "uint$16",
        "int": "int$32", "unsigned int": "uint$32", "long": "int$64", "unsigned long": "uint$64",
        "__int128": "int$128", "unsigned __int128": "uint$128", "float": "float$32", "double": "float$64",
        "_Bool": "boolean$8", "void": "void",
        "char16_t": "utf$16", "char32_t": "utf$32",
    }
    if word in encodings:
        return encodings[word]
    tagged = re.fullmatch(r"(?:struct |union |enum |class )?([\w:]+)", word)
    return tagged.group(1) if tagged and word not in ("double long", "_Complex double") else None


def canonical(text):
    """The canonical name of a type without function declarators, else None."""
    text = normalise(text)
    match = re.fullmatch(r"([\w: ]+?)(\**)((?:\[\d*\])*)", text)
    if not match:
        return None
    name = base_name(match.group(1))
    if name is None:
        return None
    name = "__PTR_" * len(match.group(2)) + name
    for bound in reversed(re.findall(r"\[(\d*)\]", match.group(3))):
        name = f"__ARR{bound or 0}_{name}"
    return name
