package verify

import (
	"strings"
	"testing"
	"time"
)

func TestFindPythonCall(t *testing.T) {
	f := func(question, program, expression string) {
		t.Helper()
		got, ok := FindPythonCall(question)
		if ok != (expression != "") || strings.TrimSpace(got.Program) != program || got.Expression != expression {
			t.Errorf("%q: %+v, %v, want %q and %q", question, got, ok, program, expression)
		}
	}
	f("What is it?\n[PYTHON]\ndef f(x):\n    return x\nassert f('assert 1') == ??\n[/PYTHON]", "def f(x):\n    return x", "f('assert 1')")
	f("```python\ndef f(x):\n    assert x\n    return x\nassert f(1)==??\n```\nWhat is ??", "def f(x):\n    assert x\n    return x", "f(1)")
	f("[PYTHON]\nassert f(1) == ??\n[/PYTHON]", "", "") // nothing defines f
	f("[PYTHON]\ndef f(): pass\nassert f() == 1\n[/PYTHON]", "", "")
	f("assert f() == ??", "", "")
	f("", "", "")
}

func TestPython(t *testing.T) {
	if _, err := NewPython(Env{}); err == nil {
		t.Error("commands that nobody allowed would be run")
	}
	sandboxed(t, shell("exit 0"))
	p, err := NewPython(Env{AllowCommands: true})
	if err != nil {
		t.Skipf("no sandbox here: %v", err)
	}
	f := func(program, expression, want, wantErr string) {
		t.Helper()
		got, err := p.Value(t.Context(), PythonCall{program, expression})
		if err != nil && strings.Contains(err.Error(), "can't be run in the sandbox") {
			t.Skipf("no python3 here: %v", err)
		}
		if got != want || (err == nil) != (wantErr == "") || err != nil && !strings.Contains(err.Error(), wantErr) {
			t.Errorf("%s: %q, %v, want %q, error %q", expression, got, err, want, wantErr)
		}
	}
	f("def f(x):\n    return [x, {'a': None}]", "f('b')", "['b', {'a': None}]", "")
	f("def f(x):\n    print('much', x)\n    return ''", "f(1)", "''", "")
	f("def f(x):\n    return 'a\\n' * 2", "f(1)", `'a\na\n'`, "")
	f("def f(x):\n    return x / 0", "f(1)", "", "ZeroDivisionError")
	f("def f(x):\n    return ' ' * 10**10", "len(f(1))", "", "MemoryError")
	f("def f(x):\n    import socket\n    s = socket.create_connection(('127.0.0.1', 22), 1)\n    return 1", "f(1)", "", "refused") // its own network has nobody
	f("def f(x):\n    return open('/etc/passwd').read()", "f(1)", "", "FileNotFoundError")
	f("import os\ndef f(x):\n    os._exit(0)", "f(1)", "", "no value")
	f("def f(", "f(1)", "", "SyntaxError")
	p.command.wait = time.Second / 2
	f("import time\ndef f(x):\n    time.sleep(60)", "f(1)", "", "longer than 500ms")
}

// FuzzFindPythonCall: what is found stands in the question.
func FuzzFindPythonCall(f *testing.F) {
	f.Add("[PYTHON]\ndef f(x): pass\nassert f(1) == ??\n[/PYTHON]")
	f.Add("```\nx\nassert y == ??\n```")
	f.Fuzz(func(t *testing.T, question string) {
		c, ok := FindPythonCall(question)
		if ok && (!strings.Contains(question, c.Expression) || c.Expression == "" || len(c.Program) > len(question)+2) {
			t.Fatalf("%q: %+v", question, c)
		}
	})
}
