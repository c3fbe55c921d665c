package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"summit/fake"
)

func init() { register(fakeCommand) }

func fakeCommand(a *app) *cobra.Command {
	var list bool
	var addr, addrFile string
	var o fake.Options
	c := &cobra.Command{
		Use:   "fake [VENDOR]",
		Short: "Start a fake of a vendor, to integrate and test against",
		Long: `Fake starts a server on this machine that speaks and misbehaves like a vendor:
signatures and required fields are checked and refused as the vendor does, every
way to leave the protocol can be turned on, and faults can be injected. It
answers made-up text, bills nothing and reaches nothing; every answer has the
header X-Summit-Fake.

A question decides what is answered: tools are called (twice where it says
"parallel"), a schema gets an example of it, "long text" gets a long Chinese
text, and thoughts come where the vendor's own switch is on. The user's last
words may break one answer only: [[fake fault=stall deviation=comments gap=1s]].
With times=2 the same words break two answers, and then no more.`,
		Example: `  summit fake --list
  summit fake qwen
  summit fake glm --fault cut --addr 127.0.0.1:0
  summit fake hunyuan --fault overloaded --times 2
  summit fake openai --deviation crlf,usage-every-chunk --gap 20ms`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case list && len(args) > 0:
				return usage("--list lists all vendors: got %q beside it", args[0])
			case list:
				return a.listFakes()
			case len(args) == 0:
				return usage(`which vendor? "summit fake --list" lists them`)
			case o.Times < 0:
				return usage("--times %d, want zero (all) or more", o.Times)
			case o.Gap < 0:
				return usage("--gap %v, want zero or more", o.Gap)
			}
			s, err := fake.New(args[0], o)
			if err != nil {
				return usage("%s", strings.TrimPrefix(err.Error(), "fake: "))
			}
			return a.serveFake(c.Context(), s, addr, addrFile)
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			var all []string
			for _, v := range fake.Vendors() {
				all = append(all, v.Name+"\t"+v.About)
			}
			return all, cobra.ShellCompDirectiveNoFileComp
		},
	}
	f := c.Flags()
	f.BoolVar(&list, "list", false, "list vendors, faults and deviations")
	f.StringVar(&addr, "addr", "127.0.0.1:9300", "address to listen on")
	f.StringVar(&addrFile, "addr-file", "", "write the address there once the server listens")
	f.StringVar(&o.Fault, "fault", "", "what breaks in every answer")
	f.IntVar(&o.Times, "times", 0, "how many answers break, from the first on (default: all)")
	f.StringSliceVar(&o.Deviations, "deviation", nil, "deviations to turn on, or off with a minus before the name")
	f.DurationVar(&o.Gap, "gap", 0, "time between the pieces of a stream")
	f.StringVar(&o.Key, "key", "", "the key that it takes (default: a made-up one)")
	f.StringVar(&o.Model, "model", "", "the model that it serves (default: the vendor's)")
	return c
}

// listFakes prints what can be faked and how it can break.
func (a *app) listFakes() error {
	type vendor struct {
		Name       string            `json:"name"`
		About      string            `json:"about"`
		Protocol   string            `json:"protocol"`
		Use        string            `json:"use"`
		Model      string            `json:"model"`
		Embeddings string            `json:"embeddings,omitempty"` // the model that turns texts into vectors
		Deviations []string          `json:"deviations,omitempty"`
		Cannot     map[string]string `json:"cannot,omitempty"`
	}
	type named struct {
		Name  string `json:"name"`
		About string `json:"about"`
	}
	var v struct {
		Vendors    []vendor `json:"vendors"`
		Faults     []named  `json:"faults"`
		Deviations []named  `json:"deviations"`
	}
	for _, f := range fake.Vendors() {
		cannot := map[string]string{}
		for s, why := range f.Cannot {
			cannot[string(s)] = why
		}
		v.Vendors = append(v.Vendors, vendor{f.Name, f.About, f.Protocol, f.Kind, f.Model, f.Vectors.Model, f.Deviations, cannot})
	}
	for _, f := range fake.Faults() {
		v.Faults = append(v.Faults, named(f))
	}
	for _, d := range fake.Deviations() {
		v.Deviations = append(v.Deviations, named(d))
	}
	return a.emit(v, func(w io.Writer) {
		row(w, "VENDOR", "ABOUT", "PROTOCOL", "USE", "MODEL")
		for _, f := range v.Vendors {
			row(w, f.Name, f.About, f.Protocol, f.Use, f.Model)
		}
		fmt.Fprintln(w)
		row(w, "FAULT", "WHAT HAPPENS")
		for _, f := range v.Faults {
			row(w, f.Name, f.About)
		}
		fmt.Fprintln(w)
		row(w, "DEVIATION", "WHAT IS DIFFERENT")
		for _, d := range v.Deviations {
			row(w, d.Name, d.About)
		}
	})
}

// serveFake serves the fake until ctx ends.
func (a *app) serveFake(ctx context.Context, s *fake.Server, addr, addrFile string) (err error) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return notReady("stop what listens there, or choose another address with --addr", err)
	}
	fmt.Fprint(a.out, fakeBanner(s, listener.Addr()))
	if addrFile != "" {
		if err := os.WriteFile(addrFile, []byte(listener.Addr().String()+"\n"), 0o600); err != nil {
			return errors.Join(err, listener.Close())
		}
		defer func() { err = errors.Join(err, os.Remove(addrFile)) }()
	}
	server := &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	err = server.Close() // answers that hang on purpose are not waited for
	<-served
	return err
}

// fakeBanner says that it is a fake, and how Summit is pointed at it.
func fakeBanner(s *fake.Server, at net.Addr) string {
	v := s.Vendor
	address := "http://" + reachable(at)
	var b strings.Builder
	fmt.Fprintf(&b, "This is a FAKE of %s. It answers made-up text and bills nothing.\n", v.About)
	fmt.Fprintf(&b, "It speaks %s at %s%s\n", v.Protocol, address, v.Base)
	if tcp, ok := at.(*net.TCPAddr); ok && !tcp.IP.IsLoopback() {
		fmt.Fprintf(&b, "  note     the network reaches this address\n")
	}
	fmt.Fprintf(&b, "\nPoint Summit at it:\n\nmembers:\n  fake-%s:\n    use: %s\n    base_url: %s%s\n    model: %s\n", v.Name, v.Kind, address, v.Base, s.Model())
	if s.Key() != "" {
		fmt.Fprintf(&b, "    key_env: FAKE_KEY\n")
	}
	if params := v.Params(address); params != "" {
		fmt.Fprintf(&b, "    params: %s\n", params)
	}
	if v.Vectors.Model != "" {
		fmt.Fprintf(&b, "\nFor embeddings, the model is %s.\n", v.Vectors.Model)
	}
	if s.Key() != "" {
		fmt.Fprintf(&b, "\nand give it the key:\n\n  export FAKE_KEY='%s'\n", s.Key())
	}
	return b.String()
}
