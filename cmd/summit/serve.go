package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"summit"
)

func init() { register(serveCommand) }

func serveCommand(a *app) *cobra.Command {
	var addrFile string
	c := &cobra.Command{
		Use:   "serve",
		Short: "Start the server",
		Long: `Serve starts the OpenAI-compatible server. At the first start it makes an admin
key and prints it, once, with a line to try; where the output is no terminal,
the key is written into the data directory instead (admin-key, mode 0600).

Ctrl-C or SIGTERM ends it in good order: running answers get a while to end.
A second one ends it at once. SIGHUP reads the configuration again.`,
		Example: `  summit serve
  summit serve --listen 127.0.0.1:9000 --data-dir ./data
  summit serve --listen 127.0.0.1:0 --addr-file ./address   # any free port`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.serve(c.Context(), addrFile) },
	}
	f := c.Flags()
	f.Var(setting{a, "listen"}, "listen", "address to listen on (default "+summit.DefaultListen+")")
	f.Var(setting{a, "data_dir"}, "data-dir", "folder for keys and the log of runs")
	f.Var(setting{a, "log.level"}, "log-level", "debug, info, warn or error")
	f.Var(setting{a, "log.format"}, "log-format", "text or json")
	f.Var(setting{a, "discover.max_spend"}, "max-spend", "most to spend on members that were found, not configured")
	f.StringVar(&addrFile, "addr-file", "", "write the address there once the server listens")
	return c
}

func (a *app) serve(ctx context.Context, addrFile string) (err error) {
	// From now on, or a SIGHUP that comes while members are opened ends it all.
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	l, err := a.load()
	if err != nil {
		return err
	}
	address := l.Config.Listen
	if address == "" {
		address = summit.DefaultListen
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return notReady(`stop what listens there, or choose another port with --listen; "summit doctor" says more`, err)
	}
	l.Config.Version = buildInfo().Version
	s, err := summit.Open(ctx, l.Config)
	if err != nil {
		return errors.Join(l.Place(err), listener.Close())
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := a.banner(s, l.Config, listener.Addr()); err != nil {
		return errors.Join(err, listener.Close())
	}
	if addrFile != "" {
		if err := os.WriteFile(addrFile, []byte(listener.Addr().String()+"\n"), 0o600); err != nil {
			return errors.Join(err, listener.Close())
		}
		defer func() {
			if e := os.Remove(addrFile); !errors.Is(e, fs.ErrNotExist) {
				err = errors.Join(err, e)
			}
		}()
	}
	reloads, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		a.reloadOn(reloads, hup, s)
	}()
	err = s.Serve(ctx, listener)
	stop()
	<-ended
	return err
}

// trial is the question of the line to try. The demonstration's members know
// it and disagree.
const trial = "A jacket costs 200 dollars. Its price rises by 10 percent and then falls by 10 percent. What does it cost now?"

// trialInside is that of the small models inside the program, who know other
// things.
const trialInside = "写一首咏月的七言绝句"

// trialOf returns the question to try.
func trialOf(s *summit.Summit) string {
	for _, e := range s.Entries() {
		if e.Source == summit.SourceInside {
			return trialInside
		}
	}
	return trial
}

// banner says where the server is, what it serves, and how to ask it.
func (a *app) banner(s *summit.Summit, c summit.Config, at net.Addr) error {
	var models, members []string
	for _, e := range s.Entries() {
		if e.Model {
			models = append(models, e.Name)
		} else {
			members = append(members, e.Name)
		}
	}
	var b strings.Builder
	url := "http://" + reachable(at)
	fmt.Fprintf(&b, "Summit %s serves the OpenAI API at %s/v1\n", buildInfo().Version, url)
	fmt.Fprintf(&b, "  models   %s\n", strings.Join(models, ", "))
	fmt.Fprintf(&b, "  members  %s\n", strings.Join(members, ", "))
	for _, note := range s.Notes() {
		fmt.Fprintf(&b, "  note     %s\n", plain(note))
	}
	if tcp, ok := at.(*net.TCPAddr); ok && !tcp.IP.IsLoopback() {
		fmt.Fprintf(&b, "  note     the network reaches this address, and nothing is encrypted: put a proxy with TLS before it\n")
	}
	bearer := "$SUMMIT_API_KEY"
	if secret := s.AdminKey(); secret != "" {
		if terminal(a.out) {
			bearer = secret
			fmt.Fprintf(&b, "\nThis admin key was made for you. It is shown only now; keep it:\n  %s\n", secret)
		} else {
			path, err := summit.KeepAdminKey(c.DataDir, secret)
			if err != nil {
				return err
			}
			bearer = fromFile(path)
			fmt.Fprintf(&b, "\nAn admin key was made and written to %s, which only you can read.\n", path)
		}
	}
	if path := summit.AdminKeyFile(c.DataDir); s.AdminKey() == "" && path != "" {
		bearer = fromFile(path)
	}
	auth := ` -H "Authorization: Bearer ` + bearer + `"`
	if c.Identity.Auth == "none" {
		auth = ""
	}
	fmt.Fprintf(&b, "\nTry it:\n  curl %s/v1/chat/completions%s \\\n", url, auth)
	fmt.Fprintf(&b, "    -H 'Content-Type: application/json' -d '{\"model\":\"summit\",\"messages\":[{\"role\":\"user\",\"content\":\"%s\"}],\"summit\":{\"explain\":true}}'\n", trialOf(s))
	_, err := fmt.Fprintln(a.out, b.String())
	return err
}

// reachable returns an address to put into a URL: a server that listens
// everywhere is reached at loopback too.
func reachable(at net.Addr) string {
	tcp, ok := at.(*net.TCPAddr)
	if !ok || !tcp.IP.IsUnspecified() {
		return at.String()
	}
	return fmt.Sprintf("127.0.0.1:%d", tcp.Port)
}

// fromFile is a shell's way to what a file holds, inside double quotes.
func fromFile(path string) string { return "$(cat " + quote(path) + ")" }

// quote makes a path safe inside a shell's double quotes.
func quote(path string) string {
	if strings.ContainsAny(path, " '\"$`\\") {
		return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
	}
	return path
}

// reloadOn reads the configuration again at every signal, until ctx ends.
func (a *app) reloadOn(ctx context.Context, hup <-chan os.Signal, s *summit.Summit) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-hup:
		}
		l, err := a.load()
		if err == nil {
			var changes summit.Changes
			if changes, err = s.Reload(ctx, l.Config); err == nil {
				fmt.Fprintln(a.out, "configuration read again:", changes)
				a.announce(s)
				continue
			}
			err = l.Place(err)
		}
		fmt.Fprintln(a.err, "summit: configuration kept as it was:", strings.TrimPrefix(err.Error(), "summit: "))
	}
}
