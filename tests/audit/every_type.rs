// SPDX-License-Identifier: Apache-2.0
// Shapes of types that Rust has: see every_type.c.
use std::collections::HashMap;
use std::rc::Rc;

#[repr(C)]
pub struct Plain { a: u8, b: i64, c: [u16; 3], d: char, e: bool, f: i128 }
pub struct Reordered { a: u8, b: u64, c: u16, d: (), e: (u8, u32) }
pub enum Simple { One, Two = 200 }
pub enum Shape { Circle(f32), Square { side: u16, name: &'static str }, Nothing, Nested(Option<Box<Plain>>) }
#[repr(C)]
pub union Either { a: u32, b: f32, c: [u8; 4] }
pub trait Speak { fn speak(&self) -> u32; }
impl Speak for Reordered { fn speak(&self) -> u32 { self.b as u32 + self.a as u32 + self.c as u32 + self.e.1 } }
pub struct Generic<T, const N: usize> { items: [T; N], next: Option<Rc<Generic<T, N>>> }

static PLAIN: Plain = Plain { a: 1, b: 2, c: [3, 4, 5], d: 'x', e: true, f: 7 };
static NAMES: [&str; 2] = ["one", "two"];

#[inline(never)]
fn measure(shape: &Shape, how: fn(u16) -> f32) -> f32 {
    match shape {
        Shape::Circle(r) => *r,
        Shape::Square { side, name } => how(*side) + name.len() as f32,
        Shape::Nothing => 0.0,
        Shape::Nested(inner) => inner.as_ref().map_or(1.0, |plain| plain.b as f32),
    }
}

fn main() {
    let either = Either { a: 7 };
    let reordered = Reordered { a: 1, b: 2, c: 3, d: (), e: (4, 5) };
    let dynamic: &dyn Speak = &reordered;
    let mut map: HashMap<String, Vec<Simple>> = HashMap::new();
    map.insert("a".to_string(), vec![Simple::One, Simple::Two]);
    let generic = Generic { items: [1u8, 2, 3], next: None };
    let chained = Rc::new(Generic { items: [4u8, 5, 6], next: Some(Rc::new(generic)) });
    let shapes = [Shape::Circle(1.0), Shape::Square { side: 2, name: "b" }, Shape::Nothing, Shape::Nested(None)];
    let total: f32 = shapes.iter().map(|shape| measure(shape, |side| side as f32)).sum();
    println!("{} {} {} {} {}", total, unsafe { either.a }, dynamic.speak(), map.len(), chained.items[0]);
    println!("{} {} {} {}", PLAIN.a, NAMES[PLAIN.c[0] as usize & 1], PLAIN.f, chained.next.is_some());
}
