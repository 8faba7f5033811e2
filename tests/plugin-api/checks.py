"""What the guards of the plugin contract share: where things are, and running a command."""
import os
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("BUSBAR_BUILD", os.path.join(ROOT, "build"))
HEADERS = os.path.join(ROOT, "plugin-api", "include")


def run(*command, stdin=None):
    """Exit code and everything that was printed."""
    result = subprocess.run(command, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
    return result.returncode, result.stdout
