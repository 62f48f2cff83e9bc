package api

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/factory/alarm"
)

// checkAlarmRule refuses rules about machines, metrics and rules that do not exist,
// rules that suppress each other, and to delete a rule that suppresses another.
func checkAlarmRule(ctx context.Context, a *API, c documentChange) error {
	if c.after == nil {
		return a.eachDocument(ctx, factory.DocumentAlarmRule, func(d factory.Document) error {
			if r, err := alarm.ParseRule(d.ID, d.Data); err == nil && slices.Contains(r.SuppressedBy, c.id) {
				return fmt.Errorf("alarm rule %q is suppressed by %q: %w", d.ID, c.id, factory.ErrConflict)
			}
			return nil
		})
	}
	rule, err := alarm.ParseRule(c.id, c.after)
	if err != nil {
		return err
	}
	var faults factory.MemberErrors
	if err := a.checkRuleTarget(ctx, &rule, &faults); err != nil {
		return err
	}
	if err := a.checkSuppression(ctx, &rule, &faults); err != nil {
		return err
	}
	return faults.Err()
}

// checkRuleTarget checks that the rule's machine exists and has the rule's metric, or
// that a machine of its scope has it.
func (a *API) checkRuleTarget(ctx context.Context, rule *alarm.Rule, faults *factory.MemberErrors) error {
	if machine := rule.Scope.Machine; machine != "" {
		pointer := "/machine"
		if rule.Machine == "" {
			pointer = "/scope/machine"
		}
		if _, err := a.options.Store.Machine(ctx, machine); isNotFound(err) {
			faults.Add(pointer, "is not the id of a machine")
			return nil
		} else if err != nil {
			return err
		}
	}
	if rule.Metric == "" {
		return nil
	}
	found, err := a.findMetric(ctx, *rule.Scope, rule.Metric)
	switch {
	case err != nil:
		return err
	case found == nil:
		faults.Add("/metric", "is no metric of these machines: no reading of it has come, and it is not described")
	case found.Kind == factory.Text && rule.When.OfValues():
		faults.Add("/metric", "is a text, which cannot be compared with a number")
	}
	return nil
}

// findMetric returns a metric of a machine in the scope, nil if none has it.
func (a *API) findMetric(ctx context.Context, scope factory.Scope, name string) (*factory.Metric, error) {
	lookUp := func(machine string) (*factory.Metric, error) {
		m, err := a.options.Store.Metric(ctx, machine, name)
		switch {
		case isNotFound(err):
			return nil, nil
		case err != nil:
			return nil, err
		}
		return &m, nil
	}
	if scope.Machine != "" {
		return lookUp(scope.Machine)
	}
	var found *factory.Metric
	err := a.eachMachine(ctx, factory.Placement{Site: scope.Site, Area: scope.Area, Line: scope.Line}, func(m factory.Machine) (err error) {
		if found, err = lookUp(m.ID); found != nil {
			err = errFound
		}
		return err
	})
	if errors.Is(err, errFound) {
		err = nil
	}
	return found, err
}

// errFound ends a search.
var errFound = errors.New("found")

// checkSuppression checks that the rules which suppress a rule exist, and that none of
// them is suppressed by it.
func (a *API) checkSuppression(ctx context.Context, rule *alarm.Rule, faults *factory.MemberErrors) error {
	if len(rule.SuppressedBy) == 0 {
		return nil
	}
	suppressedBy := map[string][]string{}
	err := a.eachDocument(ctx, factory.DocumentAlarmRule, func(d factory.Document) error {
		if r, err := alarm.ParseRule(d.ID, d.Data); err == nil {
			suppressedBy[d.ID] = r.SuppressedBy
		}
		return nil
	})
	if err != nil {
		return err
	}
	delete(suppressedBy, rule.ID)
	for i, id := range rule.SuppressedBy {
		pointer := "/suppressed_by/" + strconv.Itoa(i)
		if _, exists := suppressedBy[id]; !exists {
			faults.Add(pointer, "is not the id of an alarm rule")
		} else if reaches(suppressedBy, id, rule.ID, map[string]bool{}) {
			faults.Add(pointer, "is suppressed by this rule itself")
		}
	}
	return nil
}

// reaches reports whether a path of edges leads from one id to another.
func reaches(edges map[string][]string, from, to string, seen map[string]bool) bool {
	if from == to {
		return true
	}
	if seen[from] {
		return false
	}
	seen[from] = true
	return slices.ContainsFunc(edges[from], func(next string) bool { return reaches(edges, next, to, seen) })
}
