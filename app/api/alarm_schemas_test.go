package api_test

import (
	"testing"

	"smart-factory-backend/app/factory/alarm"
)

type (
	alarmHistory struct {
		alarm.Item
		Transitions []alarm.Step `json:"transitions"`
	}
	alarmPerformance struct {
		From int64 `json:"from"`
		To   int64 `json:"to"`
		alarm.Performance
	}
	alarmActionResult struct {
		Alarms []alarm.Item `json:"alarms"`
		Errors []struct {
			ID     string `json:"id"`
			Status int    `json:"status"`
			Detail string `json:"detail"`
		} `json:"errors"`
	}
)

// addAlarmSchemas adds the schemas of the routes for alarms.
func addAlarmSchemas(t *testing.T, all map[string]*schema) {
	t.Helper()
	text := &schema{Type: "string"}
	all["Alarm"] = schemaOf(t, alarm.Item{}, alarmMembers())
	all["AlarmHistory"] = schemaOf(t, alarmHistory{}, alarmMembers())
	all["AlarmPage"] = members("alarms", arrayOf(ref("Alarm")), "next_cursor", ref("Cursor"))
	all["AlarmPage"].Required = all["AlarmPage"].PropertyOrder
	all["AlarmPerformance"] = schemaOf(t, alarmPerformance{}, nil)
	all["AlarmActionResult"] = schemaOf(t, alarmActionResult{}, map[string]*schema{"alarms": arrayOf(ref("Alarm"))})
	action := []any{
		"note", described(text, "What others should know."),
		"reason", described(text, "Why, for shelve and out_of_service."),
		"until", described(ref("Timestamp"), "The end of a shelf; by default the latest that MAX_SHELVE allows."),
		"if_seq", described(&schema{Type: "integer"}, "Act only if the alarm has this seq."),
	}
	all["AlarmAction"] = members(action...)
	all["AlarmActions"] = members(append([]any{"ids", described(arrayOf(text), "1 to 1000 ids of alarms.")}, action[:6]...)...)
	all["AlarmActions"].Required = []string{"ids"}
}

func alarmMembers() map[string]*schema {
	enum := func(values ...string) *schema {
		s := &schema{Type: "string"}
		for _, v := range values {
			s.Enum = append(s.Enum, v)
		}
		return s
	}
	nullableOf := func(kind, description string) *schema {
		return &schema{Types: []string{kind, "null"}, Description: description}
	}
	return map[string]*schema{
		"severity":      enum("low", "medium", "high", "urgent"),
		"state":         enum("normal", "active_unacked", "active_acked", "returned_unacked", "latched"),
		"hidden":        enum("shelved", "suppressed", "out_of_service"),
		"value":         nullableOf("number", "The value at the activation."),
		"limit":         nullableOf("number", "The limit that it crossed."),
		"acked_at":      nullableOf("integer", "Unix milliseconds."),
		"shelved_until": nullableOf("integer", "Unix milliseconds."),
	}
}
