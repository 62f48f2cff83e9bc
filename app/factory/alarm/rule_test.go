package alarm_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/factory/alarm"
)

func TestParseRule(t *testing.T) {
	t.Parallel()
	full := `{"name":"Too hot","machine":"m","metric":"temp","when":{"op":">","limit":80,"deadband":2},"on_delay":"10s","off_delay":"5s",
		"severity":"urgent","latching":true,"ack_required":false,"re_alarm":"30m","only_in_states":["running","setup"],"suppressed_by":["other"],
		"cause":"a","consequence":"b","response":"c","time_to_respond":"5 min"}`
	r, err := alarm.ParseRule("hot", []byte(full))
	if err != nil || r.OnDelay.Milliseconds() != 10_000 || r.Severity != alarm.Urgent || r.AckRequired || !r.Latching || r.Scope.Machine != "m" {
		t.Errorf("ParseRule(%s) = %+v, %v", full, r, err)
	}
	r, err = alarm.ParseRule("hot", []byte(`{"scope":{"site":"s"},"metric":"temp","when":{"op":"<","limit":0}}`))
	if err != nil || !r.AckRequired || r.Severity != alarm.Medium || r.Latching || r.Scope.Site != "s" {
		t.Errorf("defaults: %+v, %v", r, err)
	}
	for _, when := range []string{
		`{"op":">=","limit":1e300}`, `{"op":"<=","limit":-1,"deadband":0}`, `{"op":"==","limit":0}`, `{"op":"!=","limit":0}`,
		`{"op":"outside","low":1,"high":9,"deadband":4}`, `{"op":"state","state":"fault"}`, `{"op":"no_data","for":"5m"}`,
	} {
		if _, err := alarm.ParseRule("r", fmt.Appendf(nil, `{"machine":"m","metric":"x","when":%s}`, when)); err != nil {
			t.Errorf("%s: %v", when, err)
		}
	}
}

func TestParseRuleNamesTheMember(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 5000)
	for name, tt := range map[string]struct{ member, pointer string }{
		"no target":                 {`"when":{"op":">","limit":1},"metric":"x"`, "/machine"},
		"two targets":               {`"machine":"m","scope":{},"metric":"x","when":{"op":">","limit":1}`, "/scope"},
		"a typo":                    {`"machine":"m","metrik":"x","metric":"x","when":{"op":">","limit":1}`, "/metrik"},
		"a typo inside":             {`"machine":"m","metric":"x","when":{"op":">","limit":1,"dedband":2}`, "/when/dedband"},
		"a typo in the scope":       {`"scope":{"lien":"l"},"metric":"x","when":{"op":">","limit":1}`, "/scope/lien"},
		"no metric":                 {`"machine":"m","when":{"op":">","limit":1}`, "/metric"},
		"no condition":              {`"machine":"m","metric":"x"`, "/when/op"},
		"unknown operator":          {`"machine":"m","metric":"x","when":{"op":"=>","limit":1}`, "/when/op"},
		"no limit":                  {`"machine":"m","metric":"x","when":{"op":">"}`, "/when/limit"},
		"limit of another":          {`"machine":"m","metric":"x","when":{"op":"outside","low":1,"high":2,"limit":1}`, "/when/limit"},
		"limit is a text":           {`"machine":"m","metric":"x","when":{"op":">","limit":"80"}`, "/when/limit"},
		"limits in the wrong order": {`"machine":"m","metric":"x","when":{"op":"outside","low":3,"high":2}`, "/when/low"},
		"deadband leaves nothing":   {`"machine":"m","metric":"x","when":{"op":"outside","low":1,"high":2,"deadband":1}`, "/when/deadband"},
		"negative deadband":         {`"machine":"m","metric":"x","when":{"op":">","limit":1,"deadband":-1}`, "/when/deadband"},
		"unknown state":             {`"machine":"m","when":{"op":"state","state":"broken"}`, "/when/state"},
		"no state":                  {`"machine":"m","when":{"op":"state"}`, "/when/state"},
		"no length":                 {`"machine":"m","metric":"x","when":{"op":"no_data"}`, "/when/for"},
		"short length":              {`"machine":"m","metric":"x","when":{"op":"no_data","for":"10ms"}`, "/when/for"},
		"delay is a number":         {`"machine":"m","metric":"x","when":{"op":">","limit":1},"on_delay":10`, "/on_delay"},
		"delay without unit":        {`"machine":"m","metric":"x","when":{"op":">","limit":1},"on_delay":"10"`, "/on_delay"},
		"negative delay":            {`"machine":"m","metric":"x","when":{"op":">","limit":1},"off_delay":"-1s"`, "/off_delay"},
		"reminder without pause":    {`"machine":"m","metric":"x","when":{"op":">","limit":1},"re_alarm":"1ms"`, "/re_alarm"},
		"unknown severity":          {`"machine":"m","metric":"x","when":{"op":">","limit":1},"severity":"bad"`, "/severity"},
		"unknown state in a list":   {`"machine":"m","metric":"x","when":{"op":">","limit":1},"only_in_states":["running","broken"]`, "/only_in_states/1"},
		"a state twice":             {`"machine":"m","metric":"x","when":{"op":">","limit":1},"only_in_states":["idle","idle"]`, "/only_in_states/1"},
		"suppressed by itself":      {`"machine":"m","metric":"x","when":{"op":">","limit":1},"suppressed_by":["r"]`, "/suppressed_by/0"},
		"long text":                 {`"machine":"m","metric":"x","when":{"op":">","limit":1},"cause":"` + long + `"`, "/cause"},
		"latching is a text":        {`"machine":"m","metric":"x","when":{"op":">","limit":1},"latching":"yes"`, "/latching"},
		"a member twice":            {`"machine":"m","machine":"n","metric":"x","when":{"op":">","limit":1}`, "/machine"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := alarm.ParseRule("r", []byte("{"+tt.member+"}"))
			members, ok := errors.AsType[factory.MemberErrors](err)
			if !ok || members[0].Pointer != tt.pointer || !errors.Is(err, factory.ErrInvalid) {
				t.Errorf("ParseRule({%s}) = %v, want an error at %s first", tt.member, err, tt.pointer)
			}
		})
	}
}

func FuzzParseRule(f *testing.F) {
	f.Add([]byte(`{"machine":"m","metric":"x","when":{"op":">","limit":1,"deadband":2},"on_delay":"1s"}`))
	f.Add([]byte(`{"scope":{},"when":{"op":"outside","low":1e308,"high":-1e308}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := alarm.ParseRule("r", data)
		if err != nil {
			if !errors.Is(err, factory.ErrInvalid) {
				t.Errorf("ParseRule(%q) = %v, which is not ErrInvalid", data, err)
			}
			return
		}
		var s alarm.State
		for i, value := range []float64{0, 1, -1, 1e300} {
			r.Read(&s, "m", 1000+int64(i), value)
		}
	})
}

func TestHoldsWithADeadband(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		when   string
		values []float64
		want   string
	}{
		{`{"op":">","limit":80,"deadband":2}`, []float64{80, 80.1, 79, 78.1, 78, 79, 81}, "_###__#"},
		{`{"op":">=","limit":80,"deadband":2}`, []float64{79, 80, 78, 77.9, 79}, "_##__"},
		{`{"op":"<","limit":80,"deadband":2}`, []float64{80, 79.9, 81, 82, 81}, "_##__"},
		{`{"op":"<=","limit":80,"deadband":2}`, []float64{81, 80, 82, 82.1, 81}, "_##__"},
		{`{"op":"==","limit":3}`, []float64{2, 3, 4}, "_#_"},
		{`{"op":"!=","limit":3}`, []float64{2, 3, 4}, "#_#"},
		{`{"op":"outside","low":10,"high":20,"deadband":1}`, []float64{10, 9, 10.5, 11, 20, 20.5, 19.5, 19}, "_##__##_"},
	} {
		r, err := alarm.ParseRule("r", fmt.Appendf(nil, `{"machine":"m","metric":"x","when":%s}`, tt.when))
		if err != nil {
			t.Fatal(err)
		}
		held, got := false, ""
		for _, value := range tt.values {
			low, high, inverted := r.When.Calm(held)
			if calm := (value >= low && value <= high) != inverted; calm != (r.When.Holds(held, value) == held) {
				t.Errorf("%s: Calm(%v) disagrees with Holds about %v", tt.when, held, value)
			}
			if held = r.When.Holds(held, value); held {
				got += "#"
			} else {
				got += "_"
			}
		}
		if got != tt.want {
			t.Errorf("%s of %v is %s, want %s", tt.when, tt.values, got, tt.want)
		}
	}
}

// The alarms of a deleted rule are still loaded. No value changes them.
func TestNoConditionIsCalm(t *testing.T) {
	t.Parallel()
	for _, held := range []bool{false, true} {
		var none alarm.Condition
		if low, high, inverted := none.Calm(held); low > -math.MaxFloat64 || high < math.MaxFloat64 || inverted || none.Holds(held, 1) {
			t.Errorf("Calm(%t) = %v to %v, inverted %t; want all values", held, low, high, inverted)
		}
	}
}
