package simulate

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
)

// document is something that describes the plant.
type document struct {
	path string
	body any
}

type object map[string]any

// documents returns what describes the plant, in the order in which it is created.
// Shifts are in the zone.
func (p *Plant) documents(zone string) []document {
	var all []document
	add := func(path string, body any) { all = append(all, document{path, body}) }
	products := map[string]product{}
	for i := range lines {
		for _, q := range lines[i].products {
			products[q.id] = q
		}
	}
	for _, id := range slices.Sorted(maps.Keys(products)) {
		add("/api/v1/products/"+id, object{"name": products[id].name, "ideal_cycle_s": products[id].cycle})
	}
	for _, l := range p.lines {
		for _, m := range l.machines {
			p.addMachine(add, m)
		}
	}
	addShifts(add, zone)
	for _, body := range rules() {
		id, _ := body["id"].(string)
		add("/api/v1/alarm-rules/"+id, body)
	}
	return all
}

func (p *Plant) addMachine(add func(string, any), m *machine) {
	states := object{}
	for _, s := range []state{running, idle, setup, blocked, starved, fault, plannedStop} {
		states[string(s)] = s
	}
	path := "/api/v1/machines/" + url.PathEscape(m.id)
	add(path, object{
		"name": m.name, "site": site, "area": area, "line": m.path, "attributes": object{"simulated": "true"},
		"signals": object{
			"state": object{"metric": "state", "map": states}, "good": object{"metric": "good"}, "scrap": object{"metric": "scrap"},
			"product": object{"metric": "product"}, "offline_after": "2m",
		},
	})
	for _, g := range m.kind.gauges {
		add(path+"/metrics/"+g.metric, object{"unit": g.unit, "kind": "gauge", "expected_min": g.low, "expected_max": g.high})
	}
	for _, counter := range []string{"good", "scrap"} {
		add(path+"/metrics/"+counter, object{"kind": "counter"})
	}
}

func addShifts(add func(string, any), zone string) {
	for _, s := range []struct{ id, name, start, end, from, to string }{
		{"early", "Early", "06:00", "14:00", "10:00", "10:30"},
		{"late", "Late", "14:00", "22:00", "18:00", "18:30"},
		{"night", "Night", "22:00", "06:00", "02:00", "02:30"},
	} {
		add("/api/v1/shifts/"+s.id, object{
			"name": s.name, "tz": zone, "scope": object{"site": site, "area": area}, "start": s.start, "end": s.end,
			"days": []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}, "valid_from": "2020-01-01",
			"breaks": []object{{"start": s.from, "end": s.to}},
		})
	}
	add("/api/v1/calendars/"+site, object{
		"name": "Days off in Dresden", "scope": object{"site": site},
		"days": []object{{"date": "2026-12-25", "kind": "off", "name": "Christmas Day"}, {"date": "2026-12-26", "kind": "off", "name": "Boxing Day"}, {"date": "2027-01-01", "kind": "off", "name": "New Year"}},
	})
}

// help is what a rule tells the person who sees its alarm.
type help struct{ name, cause, consequence, response, time string }

var helps = map[string]help{
	"temperature": {"temperature high", "Cooling or heating control lost, or friction", "The machine stops by itself, parts may be scrap", "Check the coolant and the fan, then reduce the speed", "10 min"},
	"vibration":   {"vibration high", "Imbalance, a worn bearing or a worn tool", "Damage of the spindle", "Stop at the next change of product and inspect the tool", "30 min"},
	"pressure":    {"pressure low", "A leak, or the compressor is overloaded", "Grippers may lose parts", "Check the valves of the line, then call the utility desk", "15 min"},
}

// rules returns the alarm rules: one for each gauge with a limit of each kind of
// machine, and those for all machines.
func rules() []object {
	everywhere := object{"site": site, "area": area}
	all := []object{
		{
			"id": "fault", "name": "Fault", "scope": everywhere, "when": object{"op": "state", "state": fault}, "on_delay": "1m", "severity": "urgent",
			"cause": "The machine has stopped by itself", "consequence": "The line stands within minutes", "response": "Go to the machine, read its display, clear the fault", "time_to_respond": "5 min",
		},
		{
			"id": "silent", "name": "No data", "scope": everywhere, "when": object{"op": "no_data", "for": "3m"}, "severity": "low", "ack_required": false,
			"cause": "The machine is off, or its network is", "response": "Check the cable and the gateway",
		},
	}
	for _, l := range lines {
		for _, k := range l.machines {
			for _, g := range k.gauges {
				if g.limit == 0 {
					continue
				}
				h := helps[g.metric]
				op, severity, deadband := ">", "high", g.limit*0.03
				if g.excursion < 0 {
					op, severity = "<", "medium"
				}
				all = append(all, object{
					"id": k.id + "-" + g.metric, "name": k.name + ": " + h.name, "machine": k.id + "-1", "metric": g.metric,
					"when": object{"op": op, "limit": g.limit, "deadband": deadband}, "on_delay": "5s", "off_delay": "10s", "severity": severity,
					"only_in_states": []state{running}, "cause": h.cause, "consequence": h.consequence, "response": h.response, "time_to_respond": h.time,
				})
			}
		}
	}
	return all
}

// eventOf returns the event by which an operator gives a stop its reason. Its id makes
// it safe to send it twice.
func eventOf(s Stop) json.RawMessage {
	body, err := json.Marshal(object{"id": fmt.Sprintf("simulate-%s-%d", s.Machine, s.From), "kind": "reason", "from": s.From, "to": s.To, "reason": s.Reason})
	if err != nil {
		panic(err) // it has no value that JSON lacks
	}
	return body
}
