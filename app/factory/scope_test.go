package factory_test

import (
	"errors"
	"strings"
	"testing"

	"smart-factory-backend/app/factory"
)

func TestScope(t *testing.T) {
	t.Parallel()
	everything, site, line := factory.Scope{}, factory.Scope{Site: "s"}, factory.Scope{Line: "l"}
	machine := factory.ScopeOf("m", factory.Placement{Site: "s", Line: "l"})
	tests := []struct {
		a, b             factory.Scope
		covers, overlaps bool
	}{
		{everything, machine, true, true},
		{machine, everything, false, true},
		{site, machine, true, true},
		{site, line, false, true},
		{site, factory.Scope{Site: "t"}, false, false},
		{line, factory.ScopeOf("m", factory.Placement{}), false, true},
		{factory.Scope{Machine: "m"}, machine, true, true},
		{factory.Scope{Machine: "n"}, machine, false, false},
		{factory.Scope{Area: "a"}, machine, false, true},
	}
	for _, tt := range tests {
		if got := tt.a.Covers(tt.b); got != tt.covers {
			t.Errorf("%+v.Covers(%+v) = %v, want %v", tt.a, tt.b, got, tt.covers)
		}
		if tt.a.Overlaps(tt.b) != tt.overlaps || tt.b.Overlaps(tt.a) != tt.overlaps {
			t.Errorf("%+v.Overlaps(%+v) is not %v both ways", tt.a, tt.b, tt.overlaps)
		}
		if tt.overlaps {
			if both := tt.a.Intersect(tt.b); !tt.a.Covers(both) || !tt.b.Covers(both) {
				t.Errorf("%+v.Intersect(%+v) = %+v, want what both cover", tt.a, tt.b, both)
			}
		}
	}
	for depth, s := range []factory.Scope{everything, site, {Site: "s", Area: "a"}, line, machine} {
		if s.Depth() != depth {
			t.Errorf("%+v.Depth() = %d, want %d", s, s.Depth(), depth)
		}
	}
	if err := machine.Validate(); err != nil {
		t.Errorf("Validate(%+v) = %v", machine, err)
	}
	err := factory.Scope{Site: "a/b", Machine: " m"}.Validate()
	if !errors.Is(err, factory.ErrInvalid) || !strings.HasPrefix(err.Error(), `/site: "a/b" has a slash`) || !strings.Contains(err.Error(), "/machine: machine name") {
		t.Errorf("Validate = %v, want both members", err)
	}
}

func TestLoadZone(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"UTC", "Europe/Berlin", "Asia/Kolkata", "Etc/GMT+5", "America/Argentina/Buenos_Aires"} {
		for range 2 {
			if loc, err := factory.LoadZone(name); err != nil || loc.String() != name {
				t.Errorf("LoadZone(%q) = %v, %v", name, loc, err)
			}
		}
	}
	for _, name := range []string{"", "Local", "Berlin", "europe/berlin ", "../zoneinfo/UTC", "/UTC", "Europe//Berlin", strings.Repeat("x", 500)} {
		if _, err := factory.LoadZone(name); !errors.Is(err, factory.ErrInvalid) || len(err.Error()) > 300 {
			t.Errorf("LoadZone(%q) = %v, want %v", name, err, factory.ErrInvalid)
		}
	}
}
