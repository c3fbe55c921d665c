// Package summit is the front door: it reads one Config, opens what it
// describes and closes it again. It is the only place where the rooms are
// wired to each other.
//
// Its nouns are Config (what can be set), Loaded (a Config and where each
// part of it is from), Summit (an open one) and Entry (one name that can be
// asked). An optional part is one more file with_<name>.go.
package summit

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"

	"summit/llm"
	"summit/local"
)

// Summit is an open Summit. Its methods may be called by many at once.
type Summit struct {
	config    Config // with defaults; changed under reloading only
	log       *slog.Logger
	purse     *spendCap
	locals    *local.Store
	directory atomic.Pointer[directory]
	reloading sync.Mutex
	serving   *serving // nil = ephemeral
}

// Open builds what the configuration describes: members, models and, unless
// it is ephemeral, the stores in the data directory. What is wrong with the
// configuration is a *ConfigError; what is missing around it is a
// *NotReadyError. Open asks no member anything.
func Open(ctx context.Context, c Config) (*Summit, error) {
	if problems := c.check(); len(problems) > 0 {
		return nil, &ConfigError{problems}
	}
	c = c.withDefaults()
	s := &Summit{
		config: c,
		log:    c.Logger,
		locals: newLocals(c.Engine),
		purse:  &spendCap{most: c.Discover.MaxSpend, currency: c.Currency, assumed: c.Discover.AssumedPrice},
	}
	if s.log == nil {
		s.log = c.Log.logger()
	}
	d, err := newDirectory(ctx, c, s.locals, s.purse, s.shift, s.log)
	if err != nil {
		return nil, errors.Join(err, s.locals.Close())
	}
	s.directory.Store(d)
	if !c.Ephemeral {
		if s.serving, err = openServing(ctx, c, s); err != nil {
			return nil, errors.Join(err, s.locals.Close())
		}
	}
	return s, nil
}

// Model returns who answers under the name: a model or a member. The error
// is an *llm.Error of kind NotFound.
func (s *Summit) Model(name string) (llm.Member, error) { return s.directory.Load().member(name) }

// Entries returns every name that can be asked, models first.
func (s *Summit) Entries() []Entry { return s.directory.Load().list() }

// Notes says for people how the members came to be: what was found and what
// may be spent on it, or that only the small models inside the program answer. Nil where all
// members are configured.
func (s *Summit) Notes() []string { return s.directory.Load().notes }

// Close frees what Open opened. Serve has to have returned.
func (s *Summit) Close() error {
	if s.serving == nil {
		return s.locals.Close()
	}
	return errors.Join(s.serving.Close(), s.locals.Close())
}

// logger returns the logger that l describes, to standard error.
func (l Log) logger() *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(l.Level)) // checked before; else info
	options := &slog.HandlerOptions{Level: level}
	if l.Format == "json" {
		return slog.New(slog.NewJSONHandler(os.Stderr, options))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, options))
}
