"""What the text of a Python module says of it."""

import ast


def untyped_functions(source):
    """(name, arguments without a type) of each function that doesn't say all of its types."""
    bare = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            missing = [one.arg for one in arguments if one.annotation is None and one.arg not in ("self", "cls")]
            if missing or node.returns is None:
                bare.append((node.name, missing))
    return bare
