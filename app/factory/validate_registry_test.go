package factory_test

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"smart-factory-backend/app/factory"
)

func TestValidateUnit(t *testing.T) {
	t.Parallel()
	for _, unit := range []string{"", "Cel", "m/s2", "L/min", "[degF]", "{parts}", "10*6/mm3", "kg.m/s2", "%", "{a(b]c}/h", "mm[Hg]"} {
		if err := factory.ValidateUnit(unit); err != nil {
			t.Errorf("ValidateUnit(%q) = %v, want nil", unit, err)
		}
	}
	for unit, want := range map[string]string{
		"°C": "Cel", "m s": "byte 1", "(m": "is not closed", "m)": "has no opening bracket", "[degF)": "has no opening bracket", "a\n": "byte 1", strings.Repeat("m", 65): "65 bytes",
	} {
		if err := factory.ValidateUnit(unit); !errors.Is(err, factory.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("ValidateUnit(%q) = %v, want ErrInvalid with %q", unit, err, want)
		}
	}
}

func TestValidateMachine(t *testing.T) {
	t.Parallel()
	good := factory.Machine{ID: "press/4", Name: "Press 4", Placement: factory.Placement{Site: "north", Area: "hall 2"}, Attributes: map[string]string{"a": ""}}
	if err := factory.ValidateMachine(good); err != nil {
		t.Errorf("ValidateMachine(%+v) = %v, want nil", good, err)
	}
	many := make(map[string]string)
	for i := range factory.MaxAttributes + 1 {
		many[strings.Repeat("x", i+1)] = ""
	}
	for name, m := range map[string]factory.Machine{
		"machine name is empty":  {},
		"display name":           {ID: "m", Name: " x"},
		"area name \"a/b\" has":  {ID: "m", Placement: factory.Placement{Area: "a/b"}},
		"line name":              {ID: "m", Placement: factory.Placement{Line: "\x00"}},
		"ideal cycle must be ab": {ID: "m", IdealCycle: -1},
		"65 attributes":          {ID: "m", Attributes: many},
		"attribute name":         {ID: "m", Attributes: map[string]string{"": "x"}},
		"1025 bytes":             {ID: "m", Attributes: map[string]string{"a": strings.Repeat("x", 1025)}},
		"control character or i": {ID: "m", Attributes: map[string]string{"a": "\x01"}},
	} {
		if err := factory.ValidateMachine(m); !errors.Is(err, factory.ErrInvalid) || !strings.Contains(err.Error(), name) {
			t.Errorf("ValidateMachine = %v, want ErrInvalid with %q", err, name)
		}
	}
}

func TestValidateMetric(t *testing.T) {
	t.Parallel()
	good := factory.Metric{Machine: "m", Name: "v", Unit: "Cel", Kind: factory.Gauge, ExpectedMin: new(-1.0), ExpectedMax: new(-1.0), Retention: time.Second}
	tests := map[string]struct {
		change func(*factory.Metric)
		want   string
	}{
		"as it is":          {func(*factory.Metric) {}, ""},
		"kept for ever":     {func(m *factory.Metric) { m.Retention = factory.KeepForever }, ""},
		"no machine":        {func(m *factory.Metric) { m.Machine = "" }, "machine name"},
		"no name":           {func(m *factory.Metric) { m.Name = "" }, "metric name"},
		"no kind":           {func(m *factory.Metric) { m.Kind = "" }, "is not gauge, counter or text"},
		"a bad unit":        {func(m *factory.Metric) { m.Unit = "°" }, "unit"},
		"no finite bound":   {func(m *factory.Metric) { m.ExpectedMin = new(math.NaN()) }, "expected minimum"},
		"bounds swapped":    {func(m *factory.Metric) { m.ExpectedMin = new(3.0) }, "above the maximum"},
		"a short retention": {func(m *factory.Metric) { m.Retention = time.Millisecond }, "retention"},
		"a negative one":    {func(m *factory.Metric) { m.Retention = -time.Hour }, "retention"},
		"a huge one":        {func(m *factory.Metric) { m.Retention = math.MaxInt64 }, "retention"},
	}
	for name, tt := range tests {
		m := good
		tt.change(&m)
		err := factory.ValidateMetric(m)
		if tt.want == "" && err != nil || tt.want != "" && (!errors.Is(err, factory.ErrInvalid) || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: ValidateMetric = %v, want %q", name, err, tt.want)
		}
	}
}

func TestMatch(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		match   factory.Match
		version int64
		want    bool
	}{
		{factory.MatchAlways, 0, true},
		{factory.MatchAlways, 3, true},
		{factory.MatchAny, 0, false},
		{factory.MatchAny, 3, true},
		{factory.MatchNone, 0, true},
		{factory.MatchNone, 3, false},
		{3, 3, true},
		{3, 4, false},
		{3, 0, false},
	} {
		if got := tt.match.Allows(tt.version); got != tt.want {
			t.Errorf("Match(%d).Allows(%d) = %t, want %t", tt.match, tt.version, got, tt.want)
		}
	}
}
