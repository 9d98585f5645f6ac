#!/usr/bin/env python3
"""links.py FOLDER [PAGE…]: every relative link of the Markdown files under FOLDER leads to a file there, and every #anchor to a heading.

Each PAGE must be reachable by links from README.md. Prints what is wrong; exit code 1 then.
"""
import pathlib
import re
import sys
import urllib.parse

root = pathlib.Path(sys.argv[1]).resolve()
IGNORED = {'build', 'node_modules', '.git'}


def without_code(text):
    """Without what Markdown shows as it is: fenced and indented blocks, and `spans`."""
    text = re.sub(r'^```.*?^```', '', text, flags=re.M | re.S)
    text = re.sub(r'^(?: {4}|\t)(?![-*\d]).*$', '', text, flags=re.M)
    return re.sub(r'`[^`\n]*`', '`', text)


def anchors(text):
    """The anchors of a page's headings, by GitHub's rule."""
    found = set()
    for heading in re.findall(r'^#+ +(.*)$', re.sub(r'^```.*?^```', '', text, flags=re.M | re.S), flags=re.M):
        slug = re.sub(r'[^\w\- ]', '', heading.strip().lower()).replace(' ', '-')
        name, count = slug, 0
        while name in found:
            count += 1
            name = f'{slug}-{count}'
        found.add(name)
    return found


pages = {page: page.read_text(encoding='utf-8') for page in root.rglob('*.md') if not IGNORED & set(page.relative_to(root).parts)}
problems = []
links = {page: set() for page in pages}
for page, text in pages.items():
    here = page.relative_to(root)
    for target in re.findall(r'\]\(([^)\s]+)\)', without_code(text)):
        if re.match(r'[a-z]+:', target):
            continue
        path, _, anchor = urllib.parse.unquote(target).partition('#')
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or root not in [file, *file.parents]:
            problems.append(f'{here}: no file {target}')
            continue
        links[page].add(file)
        if anchor and (file not in pages or anchor not in anchors(pages[file])):
            problems.append(f'{here}: no heading {target}')

reached, left = set(), [root / 'README.md']
while left:
    page = left.pop()
    if page not in reached:
        reached.add(page)
        left.extend(links.get(page, ()))
problems += [f'{page}: not reachable from README.md' for page in sys.argv[2:] if (root / page).resolve() not in reached]

if not any(links.values()):
    problems.append('no links at all')
for problem in problems:
    print(problem)
sys.exit(bool(problems))
