package plant

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"smart-factory-backend/app/factory"
)

// alarmProgress is the content of a document of kind DocumentAlarmProgress: what was
// judged after an event without an effect. After a start the readings up to it are
// not judged again.
type alarmProgress struct {
	// Head is the Seq of the event that it continues, 0 if there is none.
	Head        int64   `json:"head"`
	RuleVersion int64   `json:"rule_version"`
	Judged      int64   `json:"judged"`
	Value       float64 `json:"value"`
	Violated    bool    `json:"violated"`
	HeldSince   int64   `json:"held_since"`
}

func (i *alarmInstance) progressID(rule *alarmRule) string { return i.machine + "\x1f" + rule.ID }

// restoreProgress continues from the stored progress if it fits the newest event.
func (a *Alarms) restoreProgress(ctx context.Context, i *alarmInstance, rule *alarmRule) error {
	d, err := a.options.Store.Document(ctx, factory.DocumentAlarmProgress, i.progressID(rule))
	if errors.Is(err, factory.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	var p alarmProgress
	s := *i.view.Load()
	if json.Unmarshal(d.Data, &p) != nil || p.Head != i.head || p.Judged <= s.Judged {
		return nil
	}
	s.RuleVersion, s.Judged, s.Value, s.Violated, s.HeldSince = p.RuleVersion, p.Judged, p.Value, p.Violated, p.HeldSince
	i.saved = p.Judged
	i.view.Store(&s)
	return nil
}

// progress returns the change of the document of an instance.
func (i *alarmInstance) progress() factory.DocumentChange {
	s := i.view.Load()
	data, _ := json.Marshal(alarmProgress{ // numbers that came out of JSON
		Head: i.head, RuleVersion: s.RuleVersion, Judged: s.Judged, Value: s.Value, Violated: s.Violated, HeldSince: s.HeldSince,
	})
	i.saved = s.Judged
	return factory.DocumentChange{Kind: factory.DocumentAlarmProgress, ID: i.progressID(i.rule.Load()), Data: data}
}

// saveIgnored stores the progress if a late reading was ignored that would have
// mattered, so that no other process judges it.
func (a *Alarms) saveIgnored(ctx context.Context, i *alarmInstance) error {
	i.mu.Lock()
	ignored := i.ignored
	i.ignored = false
	i.mu.Unlock()
	if !ignored {
		return nil
	}
	_, err := a.options.Store.Write(ctx, factory.JournalBatch{Documents: []factory.DocumentChange{i.progress()}})
	return err
}

// takeLate returns the times of the late readings, and forgets those that were judged
// long ago.
func (i *alarmInstance) takeLate(judged int64) []int64 {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.late = slices.DeleteFunc(i.late, func(at int64) bool { return at <= judged })
	return slices.Clone(i.late)
}

// sweep advances the instances over readings that have changed nothing, and stores
// how far they are.
func (a *Alarms) sweep(ctx context.Context) error {
	var batch []factory.DocumentChange
	for _, i := range a.index.instances() {
		if change, ok := a.advance(i); ok {
			batch = append(batch, change)
		}
	}
	for page := range slices.Chunk(batch, alarmPage) {
		if _, err := a.options.Store.Write(ctx, factory.JournalBatch{Documents: page}); err != nil {
			return err
		}
	}
	if a.options.Alone || !a.leading.Load() {
		return nil
	}
	return a.findUnjudged(ctx)
}

// advance moves the judged time forward if nothing else is to be done. Without other
// processes, every reading that this one had seen at the last sweep was judged;
// otherwise the history has to be read. ok reports that the progress is worth being
// stored.
func (a *Alarms) advance(i *alarmInstance) (change factory.DocumentChange, ok bool) {
	if !i.work.TryLock() {
		return change, false
	}
	defer i.work.Unlock()
	rule, seen := i.rule.Load(), i.seen
	i.seen = i.newest.Load()
	i.mu.Lock()
	busy := i.queued || i.stale || i.ended.Load()
	i.mu.Unlock()
	s := *i.view.Load()
	switch {
	case busy || s.Judged == 0 || s.RuleVersion != rule.version:
		return change, false
	case !rule.When.OfValues() || seen-s.Judged < alarmProgressStep:
	case a.options.Alone:
		i.judgedAt += seen - s.Judged
		s.Judged = seen
		i.publish(rule, &s)
	default:
		a.mark(i)
	}
	if s.Judged-i.saved < alarmProgressStep || !a.leading.Load() {
		return change, false
	}
	return i.progress(), true
}

// findUnjudged marks the instances that have a newer reading than this process has
// seen: a replica has received it, which may have ended before it judged.
func (a *Alarms) findUnjudged(ctx context.Context) error {
	for cursor := ""; ; {
		page, err := a.options.Store.Latest(ctx, factory.LatestQuery{Cursor: cursor, Limit: alarmPage})
		if err != nil {
			return err
		}
		for _, r := range page.Readings {
			a.locateUnknown(r.Machine)
			for _, i := range a.index.machine(r.Machine) {
				if rule := i.rule.Load(); (rule.Metric == r.Metric || rule.Metric == "") && r.ObservedAt > i.newest.Load() {
					a.mark(i)
				}
			}
		}
		if cursor = page.NextCursor; cursor == "" {
			return nil
		}
	}
}
