# SPDX-License-Identifier: Apache-2.0
# docker build -t liballocs .  &&  docker run --rm liballocs            shows the demo
#                                  docker run --rm -it liballocs bash   a place to try things
FROM debian:12
WORKDIR /liballocs
COPY scripts/install_dependencies scripts/
RUN scripts/install_dependencies build test plugin && scripts/install_dependencies gcc
COPY . .
RUN cmake --preset release && cmake --build --preset release
ENV PATH=/liballocs/build/release/bin:$PATH PKG_CONFIG_PATH=/liballocs/build/release/lib/pkgconfig
CMD ["./demo"]
