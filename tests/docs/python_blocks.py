"""Goal: the Python in the documentation is Python.

Method: parse every ```python block. Ray itself is not needed, and not here.

    python_blocks.py FILE...
"""

import ast
import re
import sys


def is_python(text):
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True


blocks = failures = 0
for path in sys.argv[1:]:
    with open(path, encoding="utf-8") as file:
        for block in re.findall(r"^```python\n(.*?)^```$", file.read(), re.DOTALL | re.MULTILINE):
            blocks += 1
            if not is_python(block):
                failures += 1
                print(f"{path}: not Python:\n{block}")
if is_python("def f(:"):
    failures += 1
    print("this script takes everything for Python")
print(f"{blocks} blocks, {failures} failures")
sys.exit(failures > 0 or blocks == 0)
