package verify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

func init() {
	Register("command", "a command of your own runs the reply's code in a sandbox and ends with status 0 where it is right", newCommand)
}

// CommandParams are the parameters of command. The command runs in bubblewrap
// (bwrap): no network, no processes, files or environment of this machine but
// the programs and libraries under /usr and the like, read-only, and what
// Paths names. It starts in a folder of its own in memory with the files
//
//	<file>         the last fenced block of the reply; without one, the whole reply
//	question.txt   what was asked
//	reply.txt      the whole reply
//	answer.txt     the final answer in its normal form; empty = none
//
// and those of Files. Status 0 passes; any other fails, with the end of its
// output as the message. 126 and 127 mean that the command could not be run.
//
// The sandbox is made of the kernel's namespaces and limits, so it is as tight
// as the kernel is free of faults. The memory is that of one process; a
// process count is kept where Summit doesn't run as root. Who needs more runs
// Summit itself in a container or a virtual machine.
type CommandParams struct {
	Run       []string          `yaml:"run" json:"run" jsonschema:"required" jsonschema_description:"the command and its arguments, such as python3, test.py"`
	File      string            `yaml:"file" json:"file,omitempty" jsonschema_description:"name of the file that gets the reply's code, such as solution.py; empty = code.txt"`
	Files     map[string]string `yaml:"files" json:"files,omitempty" jsonschema_description:"more files by name, such as tests, with their text"`
	Paths     []string          `yaml:"paths" json:"paths,omitempty" jsonschema_description:"more folders or files of this machine that the command may read, absolute; nothing secret"`
	Seconds   float64           `yaml:"seconds" json:"seconds,omitempty" jsonschema:"minimum=0,maximum=300" jsonschema_description:"longest run, and most CPU time of one process; 0 = 10"`
	MemoryMiB int               `yaml:"memory_mib" json:"memory_mib,omitempty" jsonschema:"minimum=0,maximum=65536" jsonschema_description:"most memory of one process in MiB, and of the files that it writes; 0 = 512"`
}

const (
	commandTime       = 10 * time.Second
	maxCommandSeconds = 300
	commandMiB        = 512
	maxCommandMiB     = 65536
	maxProcesses      = 64
	maxFiles          = 32      // beside those that there always are
	maxFilesBytes     = 1 << 20 // of them together
	maxOutputBytes    = 8 << 10 // that are kept of the output: the end
	// workFolder is where the command starts.
	workFolder = "/tmp/check"
)

type command struct {
	CommandParams
	wait         time.Duration
	bwrap, limit string // the programs
}

func newCommand(env Env, p CommandParams) (Checker, error) {
	if !env.AllowCommands {
		return nil, errors.New("it runs what models write, so it is off: allow_commands: true allows it")
	}
	if len(p.Run) == 0 || p.Run[0] == "" || strings.HasPrefix(p.Run[0], "-") {
		return nil, errors.New("run: want a command and its arguments")
	}
	if p.File == "" {
		p.File = "code.txt"
	}
	names, size := []string{p.File}, 0
	for name, text := range p.Files {
		names, size = append(names, name), size+len(text)
	}
	slices.Sort(names)
	for i, name := range names {
		if !plainName(name) || i > 0 && names[i-1] == name || slices.Contains(given, name) {
			return nil, fmt.Errorf("file %q: want names of files without a folder, each once, and none of %s", clip(name, 80), strings.Join(given, ", "))
		}
	}
	if len(p.Files) > maxFiles || size > maxFilesBytes {
		return nil, fmt.Errorf("files: %d with %d bytes, want at most %d with %d", len(p.Files), size, maxFiles, maxFilesBytes)
	}
	for _, at := range p.Paths {
		if !path.IsAbs(at) || path.Clean(at) != at || at == "/" {
			return nil, fmt.Errorf("paths: %q, want an absolute path other than /", clip(at, 80))
		}
	}
	if p.MemoryMiB < 0 || p.MemoryMiB > maxCommandMiB {
		return nil, fmt.Errorf("memory_mib: %d, want 0 to %d", p.MemoryMiB, maxCommandMiB)
	}
	if p.MemoryMiB == 0 {
		p.MemoryMiB = commandMiB
	}
	c := &command{CommandParams: p}
	var err error
	if c.wait, err = seconds("seconds", p.Seconds, commandTime, maxCommandSeconds); err != nil {
		return nil, err
	}
	for _, tool := range []struct {
		name, from string
		at         *string
	}{{"bwrap", "bubblewrap", &c.bwrap}, {"prlimit", "util-linux", &c.limit}} {
		found, err := exec.LookPath(tool.name)
		if err == nil {
			found, err = filepath.EvalSymlinks(found)
		}
		if err != nil || !filepath.IsAbs(found) {
			return nil, fmt.Errorf("the sandbox needs the program %s (package %s, Linux only), which is not in PATH", tool.name, tool.from)
		}
		*tool.at = found
	}
	return c, nil
}

// given are the files that every command finds.
var given = []string{"question.txt", "reply.txt", "answer.txt"}

func plainName(name string) bool {
	return name != "" && len(name) <= 100 && name != "." && name != ".." && !strings.ContainsAny(name, "/\\\x00")
}

func (c *command) Check(ctx context.Context, k *Case) (Finding, error) {
	code := k.Text
	if all := blocks(k.Text); len(all) > 0 {
		code = all[len(all)-1].text
	}
	files := map[string]string{c.File: code, "question.txt": k.Question, "reply.txt": k.Text, "answer.txt": k.Answer}
	for name, text := range c.Files {
		files[name] = text
	}
	return c.run(ctx, files)
}

// run runs the command with these files.
func (c *command) run(ctx context.Context, files map[string]string) (Finding, error) {
	r, err := c.execute(ctx, files)
	switch {
	case err != nil:
		return Finding{}, err
	case r.late:
		return fail("it ran longer than %s", c.wait), nil
	case r.status == 0:
		return pass(""), nil
	case r.status > 128:
		return fail("it was ended by signal %d (its limits are %s of CPU time and %d MiB of memory)\n%s", r.status-128, c.wait, c.MemoryMiB, r.output.String()), nil
	}
	return fail("it ended with status %d\n%s", r.status, r.output.String()), nil
}

// ran is how a command ended.
type ran struct {
	late   bool // it was stopped, having run too long
	status int
	output tailBuffer
}

// execute runs the command with these files. An error means that it could not
// be run, or that the context ended.
func (c *command) execute(ctx context.Context, files map[string]string) (*ran, error) {
	var open []*os.File
	defer func() {
		for _, f := range open {
			f.Close()
		}
	}()
	hand := func(text string) (string, error) { // the number under which the sandbox finds the file
		f, err := nameless(text)
		if err != nil {
			return "", errors.New("the sandbox's files can't be written")
		}
		open = append(open, f)
		return strconv.Itoa(2 + len(open)), nil // 0 to 2 are the standard ones
	}
	status, err := hand("")
	if err != nil {
		return nil, err
	}
	args := []string{"--json-status-fd", status}
	args = append(args, c.sandbox()...)
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		number, err := hand(files[name])
		if err != nil {
			return nil, err
		}
		args = append(args, "--file", number, workFolder+"/"+name)
	}
	args = append(args, "--chdir", workFolder, "--")
	args = append(args, c.limits()...)
	args = append(args, c.Run...)

	r := &ran{}
	limited, cancel := context.WithTimeout(ctx, c.wait)
	defer cancel()
	x := exec.CommandContext(limited, c.bwrap, args...)
	x.Env = []string{"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/tmp", "LANG=C.UTF-8"}
	x.Dir = "/"
	x.Stdout, x.Stderr = &r.output, &r.output
	x.ExtraFiles = open
	x.WaitDelay = time.Second // for what holds the output open after the end
	_ = x.Run()               // what bubblewrap wrote of itself says more
	began, exit := readStatus(open[0])
	if exit != nil {
		r.status = *exit
	}
	switch {
	case ctx.Err() != nil:
		return nil, errors.New(stopped(ctx))
	case exit == nil && began && limited.Err() != nil:
		r.late = true
	case exit == nil:
		return nil, fmt.Errorf("the sandbox can't be made: %s", clip(clean(r.output.String()), 300))
	case r.status == 126 || r.status == 127:
		return nil, fmt.Errorf("the command can't be run in the sandbox: %s", clip(clean(r.output.String()), 300))
	}
	return r, nil
}

// sandbox is how bubblewrap makes the room in which the command runs.
func (c *command) sandbox() []string {
	args := []string{"--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--hostname", "sandbox"}
	for _, at := range []string{"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc/alternatives", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/localtime"} {
		args = append(args, "--ro-bind-try", at, at)
	}
	args = append(args, "--proc", "/proc", "--dev", "/dev", "--size", strconv.FormatInt(c.bytes(), 10), "--tmpfs", "/tmp")
	for _, at := range c.Paths {
		args = append(args, "--ro-bind", at, at)
	}
	return append(args, "--dir", workFolder, "--remount-ro", "/", "--remount-ro", "/dev")
}

func (c *command) bytes() int64 { return int64(c.MemoryMiB) << 20 }

// limits is the program that limits itself and becomes the command.
func (c *command) limits() []string {
	bytes := strconv.FormatInt(c.bytes(), 10)
	return []string{c.limit, "--as=" + bytes, "--fsize=" + bytes, "--cpu=" + strconv.Itoa(int(math.Ceil(c.wait.Seconds()))),
		"--nproc=" + strconv.Itoa(maxProcesses), "--nofile=256", "--core=0", "--"}
}

// nameless writes a file that has no name any more, so that nothing is left
// of it whatever happens.
func nameless(text string) (*os.File, error) {
	f, err := os.CreateTemp("", "summit-check-*")
	if err != nil {
		return nil, err
	}
	err = os.Remove(f.Name())
	if err == nil {
		_, err = io.WriteString(f, text)
	}
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// readStatus reads what bubblewrap wrote of itself: an object when the command
// has begun, one more when it has ended.
func readStatus(f *os.File) (began bool, exit *int) {
	text := make([]byte, 4096)
	n, _ := f.ReadAt(text, 0)
	d := json.NewDecoder(bytes.NewReader(text[:n]))
	for {
		var line struct {
			Child *int `json:"child-pid"`
			Exit  *int `json:"exit-code"`
		}
		if d.Decode(&line) != nil {
			return began, exit
		}
		began = began || line.Child != nil
		if line.Exit != nil {
			exit = line.Exit
		}
	}
}

// tailBuffer keeps the end of what is written to it.
type tailBuffer struct{ kept []byte }

func (b *tailBuffer) Write(p []byte) (int, error) {
	n := len(p)
	if len(p) > maxOutputBytes {
		p = p[len(p)-maxOutputBytes:]
	}
	if drop := len(b.kept) + len(p) - maxOutputBytes; drop > 0 {
		b.kept = append(b.kept[:0], b.kept[drop:]...)
	}
	b.kept = append(b.kept, p...)
	return n, nil
}

// String is the end that fits into a message beside a first line.
func (b *tailBuffer) String() string {
	const most = MaxMessageBytes - 200
	kept := clean(string(b.kept))
	if len(kept) <= most {
		return kept
	}
	return "…" + strings.ToValidUTF8(kept[len(kept)-most:], "")
}
