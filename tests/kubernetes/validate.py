#!/usr/bin/env python3
"""Kubernetes' own types read the files of examples/kubernetes/.

Types and schemas come from the npm registry into a temporary folder, at fixed versions: the
TypeScript compiler finds fields that Kubernetes does not know, the schemas values that it does not
take. Where the registry cannot be reached the last line says "skipped: " and why; nothing has been
checked then.
"""
import glob
import os
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PACKAGES = ('kubernetes-models@4.5.1', 'js-yaml@4.3.2', 'typescript@5.9.3')
INSTALL_SECONDS_MAX = 120
# Each makes a file that must be refused: what is replaced, and by what.
CANARIES = (('maxUnavailable: 1', 'maxUnavailble: 1'), ('containerPort: 8080', 'containerPort: x'),
            ('periodSeconds: 2', 'periodSecond: 2'), ('serviceName: ipam-raft', 'paused: true'))

SCRIPT = r'''
const fs = require('fs'), yaml = require('js-yaml');
let types = '', wrong = 0;
yaml.loadAll(fs.readFileSync(process.argv[2], 'utf8')).forEach((object, i) => {
  const {apiVersion, kind} = object;
  types += `import {I${kind} as Kind${i}} from 'kubernetes-models/${apiVersion}';\n` +
    `export const object${i}: Kind${i} = ${JSON.stringify(object, null, 1)};\n`;
  try {
    new (require('kubernetes-models/' + apiVersion)[kind])(object).validate();
  } catch (error) {
    console.log(`${apiVersion} ${kind}: ${error.message}`);
    wrong = 1;
  }
});
fs.writeFileSync('objects.ts', types);
process.exitCode = wrong;
'''


def install(folder):
    """Empty, or why there is no validator."""
    if not shutil.which('npm'):
        sys.exit('npm is missing: scripts/setup.sh test installs it')
    try:
        done = subprocess.run(['npm', 'install', '--no-save', '--no-package-lock', '--no-audit',
                               '--no-fund', '--ignore-scripts', '--prefix', folder, *PACKAGES],
                              capture_output=True, text=True, timeout=INSTALL_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        return f'the npm registry did not answer within {INSTALL_SECONDS_MAX} s'
    return '' if done.returncode == 0 else f'npm cannot install it: {done.stderr.strip()[-300:]}'


def complaints(folder, text):
    """What the two say of a file; empty where it is right."""
    with open(os.path.join(folder, 'objects.yaml'), 'w', encoding='utf-8') as file:
        file.write(text)
    said = ''
    for command in (['node', 'check.js', 'objects.yaml'],
                    ['node_modules/.bin/tsc', '--noEmit', '--strict', '--skipLibCheck',
                     '--moduleResolution', 'node', '--module', 'commonjs', 'objects.ts']):
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        if done.returncode != 0:
            said += done.stdout + done.stderr
    return said


def main():
    with tempfile.TemporaryDirectory(prefix='ipam-kubernetes-') as folder:
        missing = install(folder)
        if missing:
            print(f'skipped: {missing}')
            return
        with open(os.path.join(folder, 'check.js'), 'w', encoding='utf-8') as file:
            file.write(SCRIPT)
        for path in sorted(glob.glob(os.path.join(ROOT, 'examples/kubernetes/*.yaml'))):
            with open(path, encoding='utf-8') as file:
                text = file.read()
            said = complaints(folder, text)
            if said:
                sys.exit(f'{path}:\n{said}')
            print(f'{os.path.basename(path)}: accepted')
        for old, new in CANARIES:
            if old not in text:
                sys.exit(f'canary: {old!r} is not in {path}')
            if not complaints(folder, text.replace(old, new)):
                sys.exit(f'canary: {new!r} was accepted')
        print(f'{len(CANARIES)} canaries: refused, as they must')


if __name__ == '__main__':
    main()
