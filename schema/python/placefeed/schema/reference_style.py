"""The one style sheet of the reference: readable on a phone, on paper and in the dark, with the reader's own fonts."""

STYLE = """\
:root { color-scheme: light dark; --ink: #1b1f23; --paper: #ffffff; --line: #b1b4b6; --link: #1a5fb4; --soft: #f3f2f1; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8e6e3; --paper: #17191c; --line: #55585c; --link: #8ab4f8; --soft: #25282c; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 0 1rem 4rem; max-width: 70rem; color: var(--ink); background: var(--paper);
  font: 1rem/1.5 system-ui, sans-serif; }
header p { margin: 1rem 0 0.5rem; font-weight: bold; }
nav ul { display: flex; flex-wrap: wrap; gap: 0.25rem 1rem; margin: 0; padding: 0.5rem 0; list-style: none;
  border-top: 1px solid var(--line); border-bottom: 1px solid var(--line); }
a { color: var(--link); }
a:focus-visible { outline: 3px solid #ffb000; outline-offset: 2px; }
.skip { position: absolute; left: -999rem; }
.skip:focus { position: static; }
h1 { font-size: 2rem; margin: 1.5rem 0 0.5rem; }
h2 { font-size: 1.5rem; margin: 2.5rem 0 0.5rem; }
h3 { font-size: 1.1rem; margin: 2rem 0 0.25rem; }
main > p { max-width: 42rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; margin: 0.75rem 0; }
th, td { padding: 0.4rem 0.75rem 0.4rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
h1, h2, h3, p, td code { overflow-wrap: anywhere; }
code, pre { font-family: ui-monospace, monospace; font-size: 0.92em; }
pre { padding: 1rem; overflow-x: auto; background: var(--soft); }
.note { padding: 0.5rem 1rem; border-left: 0.3rem solid #ffb000; background: var(--soft); }
.limits { color: inherit; opacity: 0.8; }
@media print { nav, .skip { display: none; } }
"""
