package record

// MixName is the name under which several suites are read as one workload.
const MixName = "mix"

// mixParts are the suites of the mix.
var mixParts = []string{"cruxeval", "mathl5", "korbench"}

// alias maps the names that three members have in one of the mix's suites to
// those in the others.
var alias = map[string]string{
	"DeepSeek-V2.5":                "deepseek-v2.5-0908",
	"Mistral-Large-Instruct-2407":  "Mistral-Large-2",
	"Meta-Llama-3.1-405B-Instruct": "Llama-3.1-405B-Inst@sambanova",
}

// mix reads cruxeval, mathl5 and korbench as one workload over the members
// that all three share. Every question has the same weight and keeps its own
// suite's name and costs.
func (f *Folder) mix(splits []string, keep func(member string) bool) (*Suite, error) {
	s := &Suite{Name: MixName}
	var parts []*Suite
	shared := map[string]int{} // canonical name → how many parts have it
	facts := map[string]*Member{}
	for _, name := range mixParts {
		p, err := f.read(name, splits, keep)
		if err != nil {
			return nil, err
		}
		parts = append(parts, p)
		s.Questions = append(s.Questions, p.Questions...)
		s.splits = append(s.splits, p.splits...)
		for i := range p.Members {
			m := &p.Members[i]
			name := p.canonical(m.Name)
			shared[name]++
			if facts[name] == nil || m.Name == name {
				facts[name] = m
			}
		}
	}
	for name, n := range shared {
		if n == len(parts) {
			m := *facts[name]
			m.Name = name
			s.Members = append(s.Members, m)
		}
	}
	s.seal()
	at := 0
	for _, p := range parts {
		for m := range p.Members {
			to, ok := s.index[p.canonical(p.Members[m].Name)]
			if !ok {
				continue
			}
			for q := range p.Questions {
				if c := p.Cell(q, m); c.Asked {
					*s.Cell(at+q, to) = *c
				}
			}
		}
		at += len(p.Questions)
	}
	return s, nil
}

// canonical returns the name that a member has in the mix: its alias, unless
// the suite knows a member of that name already.
func (s *Suite) canonical(member string) string {
	if c, ok := alias[member]; ok {
		if _, taken := s.index[c]; !taken {
			return c
		}
	}
	return member
}
