def page() -> str:
    return "soon"
