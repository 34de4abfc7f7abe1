"""A child process that imports: python import_process.py STORE FOLDER CHUNK; a line on stdout each step."""

import sys

from attribase.ingest.release import ingest_release, parts


def main() -> None:
    parts.CHUNK = int(sys.argv[3])
    say("ready")
    for step in ingest_release(sys.argv[1], sys.argv[2]):
        say(f"{step.stage} {step.done}")


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
