package alarm_test

import (
	"errors"
	"strings"
	"testing"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/factory/alarm"
)

// story plays steps and returns the phase and what hides the alarm after each one.
// A step is a value (0 or 1), the word of an action, or "suppress", "unsuppress",
// "tick" or "escalate". Steps are a second apart, and a shelf lasts ten seconds.
func story(t *testing.T, rule alarm.Rule, steps string) (string, *alarm.State) {
	t.Helper()
	var s alarm.State
	var got []string
	for i, step := range strings.Fields(steps) {
		at := start + int64(i)*1000
		switch step {
		case "0", "1":
			rule.Read(&s, machine, at, float64(step[0]-'0'))
		case "suppress", "unsuppress":
			rule.Suppress(&s, at, step == "suppress")
		case "tick":
			rule.Tick(&s, at+60_000)
		case "escalate":
			rule.Escalate(&s, at)
		default:
			_, err := rule.Act(&s, alarm.Action{Kind: alarm.ActionKind(step), Alarm: s.Current.ID, By: "eve", At: at, Until: start + 30_000})
			if err != nil {
				got = append(got, "!")
				if !errors.Is(err, factory.ErrConflict) {
					t.Errorf("%s: %v is not a conflict", step, err)
				}
				continue
			}
		}
		hidden := map[alarm.Hiding]string{alarm.Shelved: "s", alarm.Suppressed: "p", alarm.OutOfService: "o"}[s.Hidden()]
		got = append(got, string(letter(s.Current.Phase))+hidden)
	}
	return strings.Join(got, " "), &s
}

func TestActionsFollowTheTable(t *testing.T) {
	t.Parallel()
	plain, latching := vectorRule(t, 0, 0, true, false), vectorRule(t, 0, 0, true, true)
	reminding := plain
	reminding.ReAlarm = alarm.Duration(30e9)
	for name, tt := range map[string]struct {
		rule        alarm.Rule
		steps, want string
	}{
		"an acknowledgement twice":                  {plain, "1 ack ack 0 ack", "U A A N N"},
		"nothing to acknowledge":                    {vectorRule(t, 0, 0, false, false), "1 0 ack", "U N !"},
		"reset of what is not latched":              {plain, "1 reset ack reset", "U ! A !"},
		"reset twice":                               {latching, "1 ack 0 reset reset", "U A L N N"},
		"latched and violated again":                {latching, "1 ack 0 1 0", "U A L A L"},
		"shelved, then over while normal":           {plain, "1 shelve 0 tick", "U Us Rs N"},
		"shelved, then over while active":           {plain, "1 ack shelve tick", "U A As U"},
		"unshelved by hand while active":            {plain, "1 shelve unshelve unshelve", "U Us A A"},
		"unshelved by hand while normal":            {plain, "1 shelve 0 unshelve", "U Us Rs N"},
		"unshelved without a shelf":                 {plain, "1 unshelve", "U !"},
		"shelved twice":                             {plain, "1 shelve shelve", "U Us Us"},
		"a normal alarm is shelved":                 {plain, "1 ack 0 shelve 1 tick", "U A N Ns Us U"},
		"out of service and back":                   {plain, "1 ack out_of_service out_of_service return return", "U A Ao Ao U U"},
		"returned to service without leaving it":    {plain, "1 return", "U !"},
		"suppressed and not any more":               {plain, "1 ack suppress unsuppress", "U A Ap U"},
		"suppressed, then normal":                   {plain, "1 suppress 0 unsuppress", "U Up Rp N"},
		"raised while suppressed":                   {plain, "suppress 1 0 1 unsuppress", "Np Up Rp Up U"},
		"unshelved while suppressed stays hidden":   {plain, "1 suppress shelve unshelve unsuppress", "U Up Us Up U"},
		"a latching alarm survives its shelf":       {latching, "1 shelve 0 tick ack", "U Us Us U L"},
		"a latching alarm is unshelved by hand":     {latching, "1 shelve 0 unshelve reset", "U Us Us L N"},
		"an acknowledged alarm needs attention":     {reminding, "1 ack tick", "U A U"},
		"an unacknowledged alarm needs no reminder": {reminding, "1 tick 0 tick", "U U R R"},
		"a hidden alarm is not repeated":            {reminding, "1 ack out_of_service tick", "U A Ao Ao"},
		"a more severe alarm":                       {plain, "1 ack escalate 0 escalate", "U A U R R"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, _ := story(t, tt.rule, tt.steps); got != tt.want {
				t.Errorf("%s\nleads to %s\nwant     %s", tt.steps, got, tt.want)
			}
		})
	}
}

func TestAcknowledgementOfAnEarlierOccurrence(t *testing.T) {
	t.Parallel()
	rule := vectorRule(t, 0, 0, true, false)
	_, s := story(t, rule, "1 0 1")
	if len(s.Earlier) != 1 {
		t.Fatalf("%d earlier occurrences, want 1", len(s.Earlier))
	}
	transitions, err := rule.Act(s, alarm.Action{Kind: alarm.Ack, Alarm: s.Earlier[0].ID, By: "eve", At: start + 9000, Note: "seen"})
	if err != nil || len(transitions) != 1 || len(s.Earlier) != 0 || s.Current.Phase != alarm.ActiveUnacked {
		t.Errorf("Act = %v, %v; state %+v", transitions, err, s)
	}
	if o := transitions[0].Occurrence(); o.Phase != alarm.Normal || o.AckedBy != "eve" || o.Note != "seen" {
		t.Errorf("the acknowledged occurrence is %+v", o)
	}
}

func TestDelaysEndOnTheMachinesClock(t *testing.T) {
	t.Parallel()
	rule := vectorRule(t, 10, 5, true, false)
	var s alarm.State
	rule.Read(&s, machine, start, 1)
	if due, ok := rule.Due(&s); !ok || due != start+10_000 {
		t.Fatalf("Due = %d, %v", due, ok)
	}
	if transitions := rule.Elapse(&s, machine, start+9999); len(transitions) != 0 {
		t.Fatalf("%+v before the delay has ended", transitions)
	}
	// The value held until the next reading, longer than the delay.
	transitions := rule.Read(&s, machine, start+60_000, 0)
	if len(transitions) != 1 || transitions[0].At != start+10_000 || s.Current.RaisedAt != start+10_000 {
		t.Fatalf("%+v, want one that was raised after 10 s", transitions)
	}
	if transitions = rule.Elapse(&s, machine, start+65_000); len(transitions) != 1 || transitions[0].At != start+65_000 || s.Current.Phase != alarm.ReturnedUnacked {
		t.Errorf("%+v, want one that returns after 5 s", transitions)
	}
	if transitions := rule.Read(&s, machine, start+59_000, 1); transitions != nil || s.Violated {
		t.Errorf("a late reading led to %+v", transitions)
	}
}

func TestNoData(t *testing.T) {
	t.Parallel()
	rule, err := alarm.ParseRule("quiet", []byte(`{"machine":"m","metric":"x","when":{"op":"no_data","for":"5m"},"on_delay":"10s"}`))
	if err != nil {
		t.Fatal(err)
	}
	var s alarm.State
	if _, ok := rule.Due(&s); ok {
		t.Error("a machine that has sent nothing is due")
	}
	rule.Read(&s, "m", start, 1)
	if transitions := rule.Elapse(&s, "m", start+310_000); len(transitions) != 1 || s.Current.RaisedAt != start+310_000 {
		t.Fatalf("%+v, want one alarm after 310 s", transitions)
	}
	if transitions := rule.Read(&s, "m", start+400_000, 1); len(transitions) != 1 || s.Current.Phase != alarm.ReturnedUnacked {
		t.Errorf("%+v, want the return", transitions)
	}
}

func TestEndClosesEverything(t *testing.T) {
	t.Parallel()
	_, s := story(t, vectorRule(t, 0, 0, true, false), "1 0 1 0 1")
	transitions := s.End(start+60_000, "the rule was deleted")
	if len(transitions) != 3 || s.Current.Phase != alarm.Normal || len(s.Earlier) != 0 || s.Judged != 0 {
		t.Errorf("End = %+v; state %+v", transitions, s)
	}
}
