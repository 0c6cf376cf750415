# One image for every part: hub, worker, sandbox. Non-root; the state folder is the only place it writes.
FROM python:3.11-slim-bookworm
ENV PYTHONUNBUFFERED=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /opt/sotesilta
COPY requirements/runtime.lock requirements/
RUN pip install --no-cache-dir --require-hashes -r requirements/runtime.lock
COPY . .
RUN pip install --no-cache-dir --no-deps --no-build-isolation . \
 && useradd --system --uid 10001 --create-home sotesilta \
 && install -d -o sotesilta -g sotesilta /state
USER sotesilta
VOLUME /state
ENTRYPOINT ["silta"]
CMD ["--help"]
