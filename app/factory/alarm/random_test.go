package alarm_test

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"testing"

	"smart-factory-backend/app/factory/alarm"

	"pgregory.net/rapid"
)

// model is the state machine as the contract's table has it, second by second.
type model struct {
	onDelay, offDelay     int
	ackRequired, latching bool
	phase                 byte
	held, ended           int // for how many seconds the condition holds or does not
	raised                int
	waiting               int // earlier occurrences that wait for their acknowledgement
}

func (m *model) second(violated, ack, reset bool) {
	if reset && m.phase == 'L' {
		m.phase = 'N'
	}
	if ack {
		switch {
		case m.phase == 'U' && m.latching && m.ended > m.offDelay:
			m.phase = 'L'
		case m.phase == 'U':
			m.phase = 'A'
		case m.phase == 'R':
			m.phase = 'N'
		}
	}
	if violated {
		m.held++
		m.ended = 0
	} else {
		m.ended++
		m.held = 0
	}
	if m.held > m.onDelay {
		switch m.phase {
		case 'R':
			m.waiting++
			fallthrough
		case 'N':
			m.phase = 'U'
			m.raised++
		case 'L':
			m.phase = 'A'
		}
	}
	if m.ended > m.offDelay {
		switch {
		case m.phase == 'A' && m.latching, m.phase == 'U' && m.latching && !m.ackRequired:
			m.phase = 'L'
		case m.phase == 'U' && m.latching:
		case m.phase == 'U' && m.ackRequired:
			m.phase = 'R'
		case m.phase == 'A' || m.phase == 'U':
			m.phase = 'N'
		}
	}
}

func TestStateMachineAgreesWithTheTable(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		delay := rapid.IntRange(0, 3)
		m := model{
			onDelay: delay.Draw(t, "on"), offDelay: delay.Draw(t, "off"),
			ackRequired: rapid.Bool().Draw(t, "ack required"), latching: rapid.Bool().Draw(t, "latching"), phase: 'N',
		}
		rule := randomRule(t, m)
		// A latching alarm remembers its activation although the condition has ended.
		var s alarm.State
		for i := range rapid.IntRange(1, 60).Draw(t, "seconds") {
			violated := rapid.IntRange(0, 9).Draw(t, "condition") < 5
			ack := rapid.IntRange(0, 9).Draw(t, "ack") == 0
			reset := rapid.IntRange(0, 4).Draw(t, "reset") == 0
			at := start + int64(i)*1000
			for _, key := range []struct {
				pressed bool
				kind    alarm.ActionKind
			}{{reset, alarm.ResetIt}, {ack, alarm.Ack}} {
				if key.pressed && s.Current.ID != "" {
					_, _ = rule.Act(&s, alarm.Action{Kind: key.kind, Alarm: s.Current.ID, At: at})
				}
			}
			latchedByAck := m.phase == 'U' && m.latching && !s.Current.Active
			m.second(violated, ack, reset)
			if latchedByAck && ack && m.phase == 'A' && m.held <= m.onDelay {
				m.phase = 'L' // the condition had ended, and holds again but not for the delay
			}
			value := 0.0
			if violated {
				value = 1
			}
			rule.Read(&s, machine, at, value)
			if letter(s.Current.Phase) != m.phase || int(s.Count) != m.raised || len(s.Earlier) != m.waiting {
				t.Fatalf("second %d: %c with %d raised and %d waiting, want %c with %d and %d", i, letter(s.Current.Phase), s.Count, len(s.Earlier), m.phase, m.raised, m.waiting)
			}
		}
	})
}

func randomRule(t *rapid.T, m model) alarm.Rule {
	document, err := json.Marshal(map[string]any{
		"machine": machine, "metric": "m", "when": map[string]any{"op": ">", "limit": 0},
		"on_delay": (alarm.Duration(m.onDelay) * 1e9), "off_delay": (alarm.Duration(m.offDelay) * 1e9),
		"ack_required": m.ackRequired, "latching": m.latching, "re_alarm": "7s",
	})
	if err != nil {
		t.Fatal(err)
	}
	rule, err := alarm.ParseRule("rule", document)
	if err != nil {
		t.Fatal(err)
	}
	return rule
}

// journal collects the events of a rule on a machine.
type journal struct {
	data [][]byte
	live alarm.State
}

func (j *journal) append(t *rapid.T, transitions []alarm.Transition) {
	for _, transition := range transitions {
		transition.Follow(&j.live)
		data, err := json.Marshal(transition)
		if err != nil {
			t.Fatal(err)
		}
		j.data = append(j.data, data)
		j.live.Apply(transition, int64(len(j.data)))
	}
}

// rebuild applies the events from number first on.
func (j *journal) rebuild(t *rapid.T, first int) alarm.State {
	var s alarm.State
	for i := first; i < len(j.data); i++ {
		var transition alarm.Transition
		if err := json.Unmarshal(j.data[i], &transition); err != nil {
			t.Fatal(err)
		}
		s.Apply(transition, int64(i+1))
	}
	return s
}

// Whatever happens, each occurrence is raised once and ends at most once, the
// acknowledgement of one is not that of another, and the state can be rebuilt from
// the events.
func TestEventsTellTheWholeStory(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rule := randomRule(t, model{
			onDelay: rapid.IntRange(0, 2).Draw(t, "on"), offDelay: rapid.IntRange(0, 2).Draw(t, "off"),
			ackRequired: rapid.IntRange(0, 3).Draw(t, "ack required") > 0, latching: rapid.IntRange(0, 3).Draw(t, "latching") == 0,
		})
		var j journal
		phases := map[string]alarm.Phase{}
		now := start
		for range rapid.IntRange(1, 80).Draw(t, "steps") {
			now += int64(rapid.IntRange(0, 3).Draw(t, "wait")) * 1000
			s := j.live
			s.Earlier = slices.Clone(s.Earlier)
			var transitions []alarm.Transition
			switch step := rapid.IntRange(0, 9).Draw(t, "step"); step {
			case 0:
				transitions = rule.Suppress(&s, now, rapid.Bool().Draw(t, "suppressed"))
			case 1:
				transitions = rule.Tick(&s, now)
			case 2:
				transitions = rule.Escalate(&s, now)
			case 3, 4:
				if len(phases) == 0 {
					continue
				}
				known := slices.Sorted(maps.Keys(phases))
				action := alarm.Action{
					Kind:  rapid.SampledFrom(alarm.ActionKinds).Draw(t, "action"),
					Alarm: rapid.SampledFrom(known).Draw(t, "alarm"), By: "eve", At: now, Until: now + 5000,
				}
				transitions, _ = rule.Act(&s, action)
				repeated := s
				if again, err := rule.Act(&repeated, action); len(transitions) > 0 && repeated.Find(action.Alarm) != nil && (err != nil || len(again) > 0) {
					t.Fatalf("%s once more: %v, %v", action.Kind, again, err)
				}
			default:
				transitions = rule.Read(&s, machine, now, float64(rapid.IntRange(0, 1).Draw(t, "value")))
			}
			for _, transition := range transitions {
				o := transition.Occurrence()
				before, known := phases[o.ID]
				if known == (transition.Change == alarm.Raised) {
					t.Fatalf("%s of %s, known before: %v", transition.Change, o.ID, known)
				}
				if known && before == alarm.Normal && o.Phase != alarm.Normal {
					t.Fatalf("%s wakes %s", transition.Change, o.ID)
				}
				phases[o.ID] = o.Phase
			}
			settled := s
			transitions = append(transitions, settled.Settle(alarm.Settled, now))
			j.append(t, transitions)
			s.EarlierFrom, s.Current.Seq, s.Current.RaisedSeq, s.Current.AckedSeq = j.live.EarlierFrom, j.live.Current.Seq, j.live.Current.RaisedSeq, j.live.Current.AckedSeq
			for i := range s.Earlier {
				for _, o := range j.live.Earlier {
					if o.ID == s.Earlier[i].ID {
						s.Earlier[i] = o
					}
				}
			}
			if len(s.Earlier) == 0 {
				s.Earlier = nil
			}
			if len(j.live.Earlier) == 0 {
				j.live.Earlier = nil
			}
			if !reflect.DeepEqual(s, j.live) {
				t.Fatalf("the events lead to\n%+v, the calls to\n%+v", j.live, s)
			}
			for id, phase := range phases {
				if o := s.Find(id); phase != alarm.Normal && (o == nil || o.Phase != phase) {
					t.Fatalf("%s is lost: %+v, want %s", id, o, phase)
				}
			}
		}
		rebuilt := j.rebuild(t, 0)
		if len(rebuilt.Earlier) == 0 {
			rebuilt.Earlier = nil
		}
		if len(j.data) > 0 && !reflect.DeepEqual(rebuilt, j.live) {
			t.Fatalf("rebuilt\n%+v, want\n%+v", rebuilt, j.live)
		}
	})
}
