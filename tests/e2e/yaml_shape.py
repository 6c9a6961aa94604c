"""Reads the YAML of examples/: with PyYAML where there is one, else only for what breaks it most."""


def check_file(path):
    with open(path, encoding='utf-8') as file:
        text = file.read()
    try:
        import yaml
    except ImportError:
        for number, line in enumerate(text.split('\n'), 1):
            indent = len(line) - len(line.lstrip())
            if '\t' in line or (line.strip() and indent % 2):
                raise AssertionError(f'{path}:{number}: a tab, or an odd indent') from None
        return
    documents = list(yaml.safe_load_all(text))
    if not documents or any(not isinstance(document, dict) for document in documents):
        raise AssertionError(f'{path}: a document that is no mapping')
