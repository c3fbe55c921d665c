package summit

import "summit/demo"

// demonstrate adds the members that play written answers, and says so.
func (d *directory) demonstrate() {
	for _, m := range demo.Members() {
		d.addMember(&Entry{Name: m.Card().Name, Member: m, Use: "demo", Source: SourceDemo})
	}
	d.notes = append(d.notes, "DEMONSTRATION: as the configuration asks, no model answers. "+
		"These members play a small set of answers written by Summit's authors, and prices are made up. "+
		`"summit config init" writes a configuration to add real ones.`)
}
