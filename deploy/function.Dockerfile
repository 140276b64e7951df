# A function as an image, for runtime docker: one program, the libraries that it is linked
# with, and nothing else.  In the top folder of the tree:
#
#   docker build -t wordcount --build-arg FUNCTION=wordcount -f deploy/function.Dockerfile .
#
# In plugins.yaml:   wordcount: {runtime: docker, image: wordcount}

FROM debian:bookworm AS build
WORKDIR /src
COPY scripts/install-deps scripts/
RUN apt-get update && apt-get install -y --no-install-recommends make && scripts/install-deps all
COPY . .
ARG FUNCTION=wordcount
RUN make "build/release/functions/$FUNCTION" \
    && install -D -s "build/release/functions/$FUNCTION" /image/function \
    && ldd /image/function | grep -o '/[^ ]*' | xargs cp --dereference --parents -t /image

FROM scratch
COPY --from=build /image /
USER 65534
# PORT comes from the node.
ENV HOST=0.0.0.0
ENTRYPOINT ["/function"]
