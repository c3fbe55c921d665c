package summit

func (d *directory) demonstrate() {}
