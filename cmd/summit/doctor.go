package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"summit"
	"summit/identity"
)

func init() { register(doctorCommand) }

// finding is the result of one check.
type finding struct {
	Check  string `json:"check"`
	Status string `json:"status"` // ok, warning or failed
	Detail string `json:"detail"`
	Next   string `json:"next,omitempty"`
}

// doctor collects findings.
type doctor struct {
	*app
	findings []finding
}

const (
	fine    = "ok"
	warning = "warning"
	bad     = "failed"
)

func (d *doctor) add(check, status, next, format string, args ...any) {
	d.findings = append(d.findings, finding{check, status, fmt.Sprintf(format, args...), next})
}

func doctorCommand(a *app) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Check whether this machine is ready to serve",
		Long: `Doctor checks the configuration, the environment, the data directory, the
keys, the port, the disk, the clock, and whether the members can be reached.
It asks no model anything and changes nothing. Exit code 3 means not ready.`,
		Example: `  summit doctor
  summit doctor --json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if asJSON {
				a.output = "json"
			}
			d := &doctor{app: a}
			d.examine(c.Context())
			ready := !slices.ContainsFunc(d.findings, func(f finding) bool { return f.Status == bad })
			err := a.emit(struct {
				Ready  bool      `json:"ready"`
				Checks []finding `json:"checks"`
			}{ready, d.findings}, func(w io.Writer) {
				for _, f := range d.findings {
					row(w, f.Status, f.Check, plain(f.Detail))
					if f.Next != "" {
						row(w, " ", " ", "next: "+f.Next)
					}
				}
			})
			if err == nil && !ready {
				return notReady("", errors.New("not ready"))
			}
			return err
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "the same as -o json")
	return c
}

func (d *doctor) examine(ctx context.Context) {
	b := buildInfo()
	d.add("build", fine, "", "summit %s, %s, %s", b.Version, b.Go, b.Platform)
	l, err := d.load()
	if err != nil {
		_, text, next := explain(err, true)
		d.add("config", bad, next, "%s", text)
	} else if l.Path == "" {
		d.add("config", fine, "", "no file, only defaults")
	} else {
		d.add("config", fine, "", "%s", l.Path)
	}
	d.environment()
	d.clock(b)
	if l == nil {
		return
	}
	d.dataDir(ctx, l.Config.DataDir)
	d.port(l.Config)
	d.members(ctx, l)
}

// environment looks for variables that are meant for Summit and that it does
// not know: a typing error there is silent otherwise.
func (d *doctor) environment() {
	known := []string{"SUMMIT_CONFIG", "SUMMIT_API_KEY", "SUMMIT_API_KEY_FILE"}
	for _, s := range summit.Settings() {
		known = append(known, s.Env())
	}
	var strange []string
	for _, pair := range os.Environ() {
		name, value, _ := strings.Cut(pair, "=")
		if strings.HasPrefix(name, "SUMMIT_") && value != "" && !slices.Contains(known, name) {
			strange = append(strange, name)
		}
	}
	if len(strange) == 0 {
		d.add("environment", fine, "", "no unknown SUMMIT_ variable")
		return
	}
	slices.Sort(strange)
	d.add("environment", warning, `"summit config show --origin" says what is in force`, "not known, so without effect: %s", clip(strings.Join(strange, ", ")))
}

// clock compares the time with what can't lie in the future: this build.
func (d *doctor) clock(b build) {
	built, err := time.Parse(time.RFC3339, b.Time)
	if at := time.Now(); err == nil && at.Before(built) {
		d.add("clock", bad, "set the clock: certificates and prices depend on it", "it is %s here, before this build of %s", at.UTC().Format(time.RFC3339), b.Time)
		return
	}
	d.add("clock", fine, "", "%s", time.Now().Format(time.RFC3339))
}

func (d *doctor) dataDir(ctx context.Context, path string) {
	const (
		little = 1 << 30   // bytes free under which the run log may soon fill the disk
		least  = 100 << 20 // bytes free under which SQLite is close to failing
	)
	existing := path
	for existing != "" {
		if info, err := os.Stat(existing); err == nil {
			if !info.IsDir() {
				d.add("data", bad, "choose another with --data-dir", "%s is no folder", existing)
				return
			}
			break
		}
		up := filepath.Dir(existing)
		if up == existing {
			break
		}
		existing = up
	}
	switch holder := summit.InUse(path); {
	case path == "":
		d.add("data", bad, "set data_dir, --data-dir or SUMMIT_DATA_DIR", "no data directory: the user has no home folder")
		return
	case holder != "":
		d.add("data", fine, "", "%s, in use by %s", path, holder)
	case existing != path:
		d.add("data", fine, "", "%s, made at first start", path)
	default:
		probe, err := os.CreateTemp(path, "doctor-*")
		if err != nil {
			d.add("data", bad, "make the folder writable, or choose another with --data-dir", "%v", err)
			return
		}
		if err := errors.Join(probe.Close(), os.Remove(probe.Name())); err != nil {
			d.add("data", bad, "", "%v", err)
			return
		}
		d.add("data", fine, "", "%s", path)
	}
	switch free, known := summit.DiskFree(existing); {
	case !known:
		d.add("disk", warning, "", "this system does not say how much is free")
	case free < least:
		d.add("disk", bad, "free some space", "%d MiB free at %s", free>>20, existing)
	case free < little:
		d.add("disk", warning, "free some space", "%d MiB free at %s", free>>20, existing)
	default:
		d.add("disk", fine, "", "%d GiB free at %s", free>>30, existing)
	}
	d.keys(ctx, path)
}

func (d *doctor) keys(ctx context.Context, path string) {
	if _, err := os.Stat(filepath.Join(path, "keys.db")); err != nil {
		d.add("keys", fine, "", "none yet, an admin key is made at first start")
		return
	}
	keys, err := summit.OpenKeys(ctx, path)
	if err != nil {
		d.add("keys", bad, "", "%v", err)
		return
	}
	defer keys.Close()
	all, err := keys.List(ctx)
	if err != nil {
		d.add("keys", bad, "", "%v", err)
		return
	}
	valid := slices.DeleteFunc(all, func(k identity.Key) bool { return !k.Revoked.IsZero() })
	d.add("keys", fine, "", "%d valid", len(valid))
}

func (d *doctor) port(c summit.Config) {
	address := c.Listen
	if address == "" {
		address = summit.DefaultListen
	}
	l, err := net.Listen("tcp", address)
	switch {
	case err == nil:
		d.add("port", fine, "", "%s is free", address)
		l.Close()
	case summit.InUse(c.DataDir) != "":
		d.add("port", fine, "", "%s is taken, and a server runs on this data directory", address)
	default:
		d.add("port", bad, "stop what listens there, or choose another port with --listen", "%v", err)
	}
}

func (d *doctor) members(ctx context.Context, l *summit.Loaded) {
	l.Config.Ephemeral = true
	s, err := summit.Open(ctx, l.Config)
	if err != nil {
		_, text, next := explain(l.Place(err), true)
		d.add("members", bad, next, "%s", text)
		return
	}
	defer s.Close()
	for _, note := range s.Notes() {
		d.add("members", warning, "", "%s", note)
	}
	members := membersOf(s)
	reached := 0
	for i, h := range probeAll(ctx, members) {
		name := "member " + members[i].Name
		if h.Healthy == nil || *h.Healthy {
			reached++
		}
		switch {
		case h.Healthy == nil:
			if members[i].Source != summit.SourceDemo {
				d.add(name, fine, "", "can't be asked whether it is in health")
			}
		case *h.Healthy:
			d.add(name, fine, "", "reached in %d ms", h.Took)
		default:
			d.add(name, warning, "check its base_url, its key and the network", "%s", h.Detail)
		}
	}
	if reached == 0 {
		d.add("members", bad, "at least one has to answer", "none of %d can be reached", len(members))
	}
}
