package plant

// Judged returns the number of instances that were judged.
func (a *Alarms) Judged() (n int) {
	for _, i := range a.index.instances() {
		if i.view.Load().Judged != 0 {
			n++
		}
	}
	return n
}
