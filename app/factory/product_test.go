package factory_test

import (
	"errors"
	"strings"
	"testing"

	"smart-factory-backend/app/factory"
)

func TestParseProduct(t *testing.T) {
	t.Parallel()
	p, err := factory.ParseProduct([]byte(`{"name":"Cap 28 mm","ideal_cycle_s":0.25,"unit":"{cap}"}`))
	if err != nil || p.Name != "Cap 28 mm" || *p.IdealCycle != 0.25 || p.Unit != "{cap}" {
		t.Errorf("product = %+v, %v", p, err)
	}
	if p, err := factory.ParseProduct([]byte(`{}`)); err != nil || p.IdealCycle != nil {
		t.Errorf("empty product = %+v, %v", p, err)
	}
	for body, want := range map[string]string{
		`{"ideal_cycle":1}`:                           "/ideal_cycle: is unknown",
		`{"ideal_cycle_s":0}`:                         "/ideal_cycle_s: must be above 0 and at most",
		`{"ideal_cycle_s":-1,"unit":"°"}`:             `/ideal_cycle_s: must be above 0`,
		`{"ideal_cycle_s":1e9}`:                       "/ideal_cycle_s: must be above 0",
		`{"ideal_cycle_s":"1"}`:                       "/ideal_cycle_s: must be a number",
		`{"unit":"a b"}`:                              "/unit: unit",
		`{"name":" x"}`:                               "/name: display name",
		`{"name":"` + strings.Repeat("x", 129) + `"}`: "/name: display name",
	} {
		if _, err := factory.ParseProduct([]byte(body)); !errors.Is(err, factory.ErrInvalid) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("ParseProduct(%s) = %v, want %s…", body, err, want)
		}
	}
}
