"""What ipam makes of its tables for others: completions, in the real shells, and man pages."""
import json
import os
import shlex
import shutil

from harness import Skip, check, check_equal, test

COMPLETE_IN_BASH = '''
source {script}
complete -p ipam >/dev/null || exit 1
COMP_LINE={line}
COMP_POINT=${{#COMP_LINE}}
_ipam
printf '%s\\n' "${{COMPREPLY[@]}}"
'''

# What zsh's completion would hand over, and what it would be given back.
COMPLETE_IN_ZSH = '''
compdef() {{ : }}
compadd() {{ shift; local word; for word in "$@"; do
  case $word in ($words[CURRENT]*|${{words[CURRENT]#*=}}*) print -r -- $word ;; esac; done }}
_files() {{ print -r -- "files $*" }}
compset() {{ : }}
source {script}
words=({words}) CURRENT={current}
_ipam
'''


def program(name):
    path = shutil.which(name)
    if not path:
        raise Skip(f'{name} is not installed')
    return path


def script_of(env, shell):
    path = env.path(f'completion.{shell}')
    with open(path, 'w', encoding='utf-8') as file:
        file.write(env.ipam('completion', shell).stdout)
    return path


def specifications(env):
    return json.loads(env.ipam('man', '--output', 'json').stdout)


# A line up to the cursor, and what must come; None: whatever the first word before it says.
LINES = (
    ('ipam net', ['network']),
    ('ipam network ', ['add', 'carve', 'children', 'delete', 'edit', 'free', 'list', 'merge', 'show',
                       'split']),
    ('ipam network add --desc', ['--description']),
    ('ipam --output ', ['csv', 'json', 'table']),
    ('ipam --output=j', ['json']),
    ('ipam --db /srv/x network li', ['list']),
    ('ipam --server http://localhost:8080 cluster tra', ['transfer-leader']),
    ('ipam token create ci --role e', ['editor']),
    ('ipam allocate --strategy r', ['random']),
    ('ipam server --log-le', ['--log-level']),
    ('ipam server --log-level=w', ['warning']),
    ('ipam audit ver', ['verify']),
    ('ipam help cluster re', ['recover', 'remove-node']),
    ('ipam completion z', ['zsh']),
    ('ipam network add 10.0.0.0/8 -d ', []),
    ('ipam network add 10.0.0.0/8 -d text --sta', ['--status']),
)


@test()
def completes_in_bash(env):
    script = script_of(env, 'bash')
    for line, expected in LINES + (('ipam import pre', ['prefixes.txt']),
                                   ('ipam server --db da', ['data']),
                                   ('ipam backup -', None)):
        open(env.path('prefixes.txt'), 'w', encoding='utf-8').close()
        os.makedirs(env.path('data'), exist_ok=True)
        done = env.run(['bash', '-u', '-c', COMPLETE_IN_BASH.format(script=script,
                                                                    line=shlex.quote(line))])
        check_equal(done.stderr, '', f'what bash says about {line!r}')
        found = sorted(filter(None, done.stdout.split('\n')))
        if expected is None:
            check('--force' in found and '--help' in found, f'{line!r}: {found}')
        else:
            check_equal(found, expected, f'completions of {line!r}')


@test()
def completes_every_word_and_option_in_bash(env):
    script = script_of(env, 'bash')
    every = specifications(env)
    for command in every['commands']:
        line = f'ipam {command["words"]} -'
        done = env.run(['bash', '-u', '-c', COMPLETE_IN_BASH.format(script=script,
                                                                    line=shlex.quote(line))])
        found = set(done.stdout.split())
        wanted = {'--' + option['name'] for option in command['options'] + every['global_options']}
        wanted |= {'-' + option['short_name'] for option in command['options']
                   if option['short_name']}
        check_equal(wanted - found, set(), f'missing after {line!r}')


@test()
def completes_in_zsh(env):
    zsh = program('zsh')
    script = script_of(env, 'zsh')
    env.run([zsh, '-n', script])
    for line, expected in LINES:
        words = line.split()
        if line.endswith(' '):
            words.append('')
        text = COMPLETE_IN_ZSH.format(script=script, current=len(words),
                                      words=' '.join(shlex.quote(word) for word in words))
        done = env.run([zsh, '-f', '-c', text], expect=None)
        check_equal(done.stderr, '', f'what zsh says about {line!r}')
        check_equal(sorted(filter(None, done.stdout.split('\n'))), expected,
                    f'completions of {line!r}')


@test()
def completes_in_fish(env):
    fish = program('fish')
    script = script_of(env, 'fish')
    env.run([fish, '-n', script])
    environment = {**env.variables, 'HOME': env.directory}
    for line, expected in LINES:
        if '=' in line:
            continue  # fish answers with the whole word
        text = f'source {script}; complete -C {shlex.quote(line)}'
        done = env.run([fish, '--no-config', '-c', text], env=environment)
        found = sorted({item.split('\t')[0] for item in done.stdout.split('\n') if item})
        check_equal(found, expected, f'completions of {line!r}')


@test()
def man_pages_are_without_warnings(env):
    groff = program('groff')
    every = specifications(env)['commands']
    for words in [[], *[command['words'].split() for command in every]]:
        page = env.path('page.1')
        with open(page, 'w', encoding='utf-8') as file:
            file.write(env.ipam('man', *words).stdout)
        done = env.run([groff, '-ww', '-man', '-K', 'utf8', '-T', 'utf8', '-P', '-cbou', page])
        check_equal(done.stderr, '', f'what groff says about ipam man {words}')
        for section in ('NAME', 'SYNOPSIS', 'OPTIONS', 'EXAMPLES'):
            check(section in done.stdout, f'ipam man {words} has no {section}')
    whole = env.ipam('man').stdout
    for command in every:
        check(f'.BR {command["page"]} (1)'.replace('-', '\\-') in whole, command['page'])
    man = shutil.which('man')
    if man and os.path.exists('/usr/bin/nroff'):
        with open(env.path('ipam.1'), 'w', encoding='utf-8') as file:
            file.write(whole)
        done = env.run([man, '-l', env.path('ipam.1')],
                       env={**env.variables, 'MANPAGER': 'cat', 'LC_ALL': 'C.UTF-8'})
        check('IP address manager' in done.stdout, done.stdout[:300])
    env.notes.append(f'{len(every) + 1} pages')
