package summit

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Changes is what a reload did.
type Changes struct {
	Added   []string // members and models that are new
	Removed []string // those that are gone
	Changed []string // those whose settings differ
	Restart []string // settings that differ and hold from the next start only
}

// String writes the changes on one line.
func (c Changes) String() string {
	var parts []string
	for _, p := range []struct {
		what  string
		names []string
	}{{"added", c.Added}, {"removed", c.Removed}, {"changed", c.Changed}, {"needs a restart:", c.Restart}} {
		if len(p.names) > 0 {
			parts = append(parts, p.what+" "+strings.Join(p.names, ", "))
		}
	}
	if len(parts) == 0 {
		return "nothing changed"
	}
	return strings.Join(parts, "; ")
}

// Reload replaces members and models by those of the configuration, in one
// step: a request that has begun ends with the old ones, the next one meets
// only new ones. On an error nothing changes. Settings other than members,
// models, brain, tenants, fx, and what stands in the files of terms and
// contracts hold from the next start; what found members have spent stays
// spent.
func (s *Summit) Reload(ctx context.Context, c Config) (Changes, error) {
	s.reloading.Lock()
	defer s.reloading.Unlock()
	if problems := c.check(); len(problems) > 0 {
		return Changes{}, &ConfigError{problems}
	}
	c = c.withDefaults()
	if c.Currency != s.config.Currency {
		return Changes{}, &ConfigError{[]Problem{{Path: "currency", Text: fmt.Sprintf("it was %s at the start and is %s now, which needs a restart", s.config.Currency, c.Currency)}}}
	}
	changes := s.config.differences(c)
	// What holds from the next start only must not shape the members either:
	// they would not fit what is around them.
	now := s.config
	now.Members, now.Models, now.FX, now.Brain.File, now.Identity.Tenants = c.Members, c.Models, c.FX, c.Brain.File, c.Identity.Tenants
	next, err := newDirectory(ctx, now, s.locals, s.purse, s.shift, s.log)
	if err != nil {
		return Changes{}, err
	}
	if s.serving != nil && s.serving.books != nil {
		changed, err := s.serving.books.reload(ctx, s.config.Books, next.members, s.log)
		if err != nil {
			return Changes{}, err
		}
		if changed {
			changes.Changed = append(changes.Changed, "books")
		}
	}
	old := s.directory.Swap(next)
	for _, e := range next.list() {
		switch before, ok := old.entries[e.Name]; {
		case !ok:
			changes.Added = append(changes.Added, e.Name)
		case !s.config.same(c, e.Name) || before.Use != e.Use || !slices.Equal(before.Parts, e.Parts):
			changes.Changed = append(changes.Changed, e.Name)
		}
	}
	for _, e := range old.list() {
		if _, ok := next.entries[e.Name]; !ok {
			changes.Removed = append(changes.Removed, e.Name)
		}
	}
	if !sameBrain(old.brain, next.brain) {
		changes.Changed = append(changes.Changed, "brain")
		if s.serving != nil {
			s.serving.runs.Forget()
		}
	}
	if !equal(old.tenants, next.tenants) {
		changes.Changed = append(changes.Changed, "identity.tenants")
	}
	if !equal(s.config.FX, now.FX) {
		changes.Changed = append(changes.Changed, "fx")
	}
	// One by one: requests read other settings meanwhile.
	s.config.Members, s.config.Models, s.config.FX, s.config.Brain.File = c.Members, c.Models, c.FX, c.Brain.File
	s.config.Identity.Tenants = c.Identity.Tenants
	return changes, nil
}

// same reports whether the name has the same settings in both.
func (c Config) same(d Config, name string) bool {
	return reflect.DeepEqual(c.Members[name], d.Members[name]) && reflect.DeepEqual(c.Models[name], d.Models[name])
}

// differences returns the settings that a reload can't change.
func (c Config) differences(d Config) (changes Changes) {
	value := func(c Config, index []int) any { return reflect.ValueOf(c).FieldByIndex(index).Interface() }
	for _, s := range settings(reflect.TypeFor[Config](), "", nil) {
		if s.Path != "brain.file" && !equal(value(c, s.index), value(d, s.index)) {
			changes.Restart = append(changes.Restart, s.Path)
		}
	}
	return changes
}

// equal reports whether two values are the same. A list or mapping that is
// empty is the same as none.
func equal(a, b any) bool {
	x, y := reflect.ValueOf(a), reflect.ValueOf(b)
	if k := x.Kind(); (k == reflect.Slice || k == reflect.Map) && x.Len()+y.Len() == 0 {
		return true
	}
	return reflect.DeepEqual(a, b)
}
