package api_test

import (
	"reflect"
	"testing"

	"smart-factory-backend/app/api"
	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/factory/oee"
	"smart-factory-backend/app/ingest"
	"smart-factory-backend/app/server"

	"github.com/google/jsonschema-go/jsonschema"
)

type schema = jsonschema.Schema

// The types of bodies that the API reads and writes without a Go type of their own.
type (
	name      string
	timestamp string
	cursor    string
	point     string

	observation struct {
		Machine name           `json:"machine"`
		TS      *timestamp     `json:"ts,omitempty"`
		Values  map[string]any `json:"values"`
	}
	latestPage struct {
		Readings   []reading `json:"readings"`
		NextCursor cursor    `json:"next_cursor"`
	}
	reading     string
	machinePage struct {
		Machines   []machine `json:"machines"`
		NextCursor cursor    `json:"next_cursor"`
	}
	machine    string
	metricPage struct {
		Metrics    []metric `json:"metrics"`
		NextCursor cursor   `json:"next_cursor"`
	}
	metric            string
	shiftInstance     string
	shiftInstancePage struct {
		Instances  []shiftInstance `json:"instances"`
		NextCursor cursor          `json:"next_cursor"`
	}
	schemaList struct {
		Schemas    []string `json:"schemas"`
		NextCursor cursor   `json:"next_cursor"`
	}
	history struct {
		Machine    name     `json:"machine"`
		Series     []series `json:"series"`
		NextCursor cursor   `json:"next_cursor"`
	}
	series struct {
		Metric name    `json:"metric"`
		Unit   string  `json:"unit"`
		Points []point `json:"points"`
	}
	bucketRow struct {
		TS      timestamp `json:"ts"`
		Machine name      `json:"machine"`
		Metric  name      `json:"metric"`
	}
	timedValues struct {
		TS     timestamp    `json:"ts"`
		Values deviceValues `json:"values"`
	}
	deviceValues string
	influxHealth struct {
		Name    string `json:"name"`
		Message string `json:"message"`
		Status  string `json:"status"`
	}
	probeBody struct {
		Status  string            `json:"status"`
		Workers workers           `json:"workers,omitzero"`
		UptimeS float64           `json:"uptime_s,omitempty"`
		Checks  map[string]string `json:"checks"`
	}
	workers struct {
		Running int `json:"running"`
		Total   int `json:"total"`
	}
)

func ref(name string) *schema { return &schema{Ref: "#/components/schemas/" + name} }

func oneOf(all ...*schema) *schema { return &schema{OneOf: all} }

func anyOf(all ...*schema) *schema { return &schema{AnyOf: all} }

func arrayOf(items *schema) *schema { return &schema{Type: "array", Items: items} }

func words(all ...string) *schema {
	s := &schema{Type: "string"}
	for _, word := range all {
		s.Enum = append(s.Enum, word)
	}
	return s
}

// goSchemas holds the schemas of types that are not what JSON makes of them.
var goSchemas = func() map[reflect.Type]*schema {
	all := map[reflect.Type]*schema{reflect.TypeFor[factory.MetricKind](): words(string(factory.Gauge), string(factory.Counter), string(factory.Text))}
	all[reflect.TypeFor[oee.Loss]()] = ref("Loss")
	for value, name := range map[any]string{
		name(""): "Name", timestamp(""): "Timestamp", cursor(""): "Cursor", point(""): "Point", reading(""): "Reading", machine(""): "Machine",
		metric(""): "Metric", deviceValues(""): "DeviceValues",
	} {
		all[reflect.TypeOf(value)] = ref(name)
	}
	for name, value := range api.ResponseTypes {
		all[reflect.TypeOf(value)] = ref(name)
	}
	return all
}()

// schemaOf returns the schema of a Go type, with changes to some of its properties.
func schemaOf(t *testing.T, value any, properties map[string]*schema) *schema {
	t.Helper()
	typ := reflect.TypeOf(value)
	types := map[reflect.Type]*schema{}
	for other, s := range goSchemas {
		if other != typ {
			types[other] = s
		}
	}
	s, err := jsonschema.ForType(typ, &jsonschema.ForOptions{TypeSchemas: types})
	if err != nil {
		t.Fatal(err)
	}
	plain(s)
	for name, p := range properties {
		if s.Properties[name] == nil {
			t.Fatalf("%v has no property %s", typ, name)
		}
		s.Properties[name] = p
	}
	return s
}

// plain undoes that a nil slice or map may be null: the API encodes none as null.
func plain(s *schema) {
	if len(s.Types) == 2 && (s.Types[1] == "array" || s.Types[1] == "object") {
		s.Type, s.Types = s.Types[1], nil
	}
	if s.Items != nil {
		plain(s.Items)
	}
	for _, p := range s.Properties {
		plain(p)
	}
}

func eventKinds() *schema {
	s := words()
	for _, kind := range api.EventKinds {
		s.Enum = append(s.Enum, string(kind))
	}
	return described(s, "The kind, which determines the members of data.")
}

// putSchema returns the schema of the body of a PUT, whose GET returns s: every
// member may be missing or null, and readOnly ones are ignored.
func putSchema(s *schema, readOnly []string, properties map[string]*schema) *schema {
	body := &schema{Type: "object", AdditionalProperties: &schema{Not: &schema{}}, Properties: map[string]*schema{}, PropertyOrder: s.PropertyOrder}
	for name, p := range s.Properties {
		if changed := properties[name]; changed != nil {
			p = changed
		}
		if p.Type != "" {
			p = nullable(p)
		}
		body.Properties[name] = p
	}
	for _, name := range readOnly {
		body.Properties[name] = &schema{Description: "Ignored."}
	}
	return body
}

func described(s *schema, description string) *schema {
	c := *s
	c.Description = description
	return &c
}

// schemas returns the schemas of the document by name.
func schemas(t *testing.T) map[string]*schema {
	t.Helper()
	text, integer, number := &schema{Type: "string"}, &schema{Type: "integer"}, &schema{Type: "number"}
	count := &schema{Type: "integer", Minimum: new(0.0)}
	orNull := func(kind string) *schema { return &schema{Types: []string{kind, "null"}} }
	no := &schema{Not: &schema{}}
	goTypes := func(name string, properties map[string]*schema) *schema {
		return schemaOf(t, api.ResponseTypes[name], properties)
	}
	machine := goTypes("Machine", map[string]*schema{
		"id": ref("Name"), "path": described(text, "site/area/line, without empty parts at the end."),
		"last_seen": described(orNull("integer"), "The time of the machine's newest reading."),
		"signals":   described(orNull("object"), "Which metrics tell its state, its counts and its product."), "ideal_cycle_s": described(orNull("number"), idealCycle().Description),
	})
	metric := goTypes("Metric", map[string]*schema{
		"machine": ref("Name"), "metric": ref("MetricName"), "retention": described(orNull("string"), "null is the default of the store."),
	})
	aggregates := map[string]*schema{}
	for _, name := range api.AggregateNames() {
		aggregates[name] = orNull("number")
	}
	values := &schema{Type: "object", MinProperties: new(1), PropertyNames: ref("MetricName"), AdditionalProperties: &schema{Types: []string{"number", "boolean", "string"}}}
	bucketRow := schemaOf(t, bucketRow{}, nil)
	bucketRow.AdditionalProperties = orNull("number")
	timedValues := schemaOf(t, timedValues{}, nil)
	timedValues.AdditionalProperties = nil
	device := anyOf(ref("TimedValues"), ref("DeviceValues"))
	all := map[string]*schema{
		"Object": {Type: "object"},
		"Name": {
			Type: "string", MinLength: new(1), MaxLength: new(factory.MaxNameBytes),
			Description: "1 to 128 bytes of UTF-8 in normal form C (NFC), without control or invisible characters and without spaces at the ends.",
		},
		"MetricName": {
			Type: "string", MinLength: new(1), MaxLength: new(factory.MaxMetricBytes),
			Description: "1 to 512 bytes of UTF-8, otherwise as a name.",
		},
		"Timestamp":    oneOf(described(integer, "Unix milliseconds."), described(text, "ISO 8601; in UTC if it has no offset.")),
		"Cursor":       described(orNull("string"), "Where the next page begins; null on the last page."),
		"Observation":  schemaOf(t, observation{}, map[string]*schema{"values": values, "ts": ref("Timestamp")}),
		"Telemetry":    oneOf(ref("Observation"), arrayOf(ref("Observation"))),
		"FieldError":   goTypes("FieldError", map[string]*schema{"pointer": described(text, "A JSON pointer into the body (NDJSON counts lines from 0), or the name of a query parameter.")}),
		"IngestResult": goTypes("IngestResult", map[string]*schema{"accepted": count, "rejected": count, "errors": {Type: "array", Items: ref("FieldError"), MaxItems: new(ingest.MaxErrors)}}),
		"Problem":      goTypes("Problem", nil),
		"InfluxError": goTypes("InfluxError", map[string]*schema{
			"code": words("invalid", "unauthorized", "forbidden", "request too large", "unavailable", "internal error"),
			"line": described(integer, "The first rejected line."),
		}),
		"InfluxV1Error":     goTypes("InfluxV1Error", nil),
		"InfluxV1Results":   goTypes("InfluxV1Results", nil),
		"InfluxReady":       goTypes("InfluxReady", map[string]*schema{"status": words("ready")}),
		"InfluxBuckets":     goTypes("InfluxBuckets", nil),
		"InfluxHealth":      schemaOf(t, influxHealth{}, map[string]*schema{"status": words("pass", "fail")}),
		"DeviceValues":      {Type: "object", AdditionalProperties: &schema{Types: []string{"number", "boolean", "string", "object", "array", "null"}}},
		"GatewayAttributes": {Type: "object", AdditionalProperties: ref("DeviceValues")},
		"GatewayDevice":     {Type: "object", Properties: map[string]*schema{"device": ref("Name"), "type": text}, PropertyOrder: []string{"device", "type"}, Required: []string{"device"}},
		"TimedValues":       timedValues,
		"DeviceTelemetry":   anyOf(append(device.AnyOf, arrayOf(device))...),
		"GatewayTelemetry":  {Type: "object", AdditionalProperties: ref("DeviceTelemetry")},
		"Reading":           goTypes("Reading", map[string]*schema{"machine": ref("Name"), "metric": ref("MetricName"), "value": number, "text": described(text, "The value of a text.")}),
		"LatestPage":        schemaOf(t, latestPage{}, nil),
		"Aggregates": {
			Type: "object", Properties: aggregates, PropertyOrder: api.AggregateNames(), AdditionalProperties: no,
			Description: "The requested aggregates; null where one is undefined.",
		},
		"Point": {
			Type: "array", MinItems: new(2), PrefixItems: []*schema{integer, oneOf(number, text, ref("Aggregates"))}, Items: no,
			Description: "A time and a value, or the start of a bucket and its aggregates.",
		},
		"History":     schemaOf(t, history{}, nil),
		"HistoryRow":  oneOf(ref("Observation"), ref("BucketRow")),
		"BucketRow":   bucketRow,
		"Machine":     machine,
		"MachinePage": schemaOf(t, machinePage{}, nil),
		"MachinePut": putSchema(machine, []string{"created_at", "updated_at", "last_seen"}, map[string]*schema{
			"site":    described(text, "ISA-95. Without a slash, like area and line."),
			"path":    described(text, "site/area/line."),
			"signals": signalsSchema(), "ideal_cycle_s": idealCycle(),
			"attributes": {
				Type: "object", MaxProperties: new(factory.MaxAttributes),
				AdditionalProperties: &schema{Type: "string", MaxLength: new(factory.MaxAttributeBytes)},
			},
		}),
		"ShiftInstance": goTypes("ShiftInstance", map[string]*schema{
			"shift": ref("Name"), "day": described(text, "The day on which the shift begins, as YYYY-MM-DD."),
			"seconds": described(number, "The length, breaks included."),
		}),
		"ShiftInstancePage": schemaOf(t, shiftInstancePage{}, nil),
		"SchemaList":        schemaOf(t, schemaList{}, nil),
		"CurrentSession":    goTypes("CurrentSession", map[string]*schema{"role": words("read", "ingest", "operate", "admin")}),
		"System":            schemaOf(t, server.System{}, nil),
		"Session":           goTypes("Session", map[string]*schema{"role": words("read", "ingest", "operate", "admin")}),
		"Event": goTypes("Event", map[string]*schema{
			"machine": described(text, "Empty for an event of the whole installation."), "kind": eventKinds(),
			"subject": described(text, "What the event is about: a metric, an alarm rule, or a kind of document, a slash and its id."),
			"by":      described(text, "The name of the API key, empty for the server."), "replaces": described(text, "The id of the event that this one takes the place of."),
			"data": {Type: "object"},
		}),
		"EventPage":  goTypes("EventPage", map[string]*schema{"last_seq": described(integer, "The value of after for the next request.")}),
		"OEE":        goTypes("OEE", nil),
		"OEEReasons": goTypes("OEEReasons", nil),
		"Loss": {
			Type: "object", Required: []string{"name", "seconds", "share"}, PropertyOrder: []string{"name", "seconds", "share", "parts"},
			Properties: map[string]*schema{
				"name": text, "seconds": described(orNull("number"), "null if an ideal cycle is unknown."),
				"share": described(orNull("number"), "The share of the planned busy time."), "parts": arrayOf(ref("Loss")),
			},
		},
		"SessionPost": {
			Type: "object", Properties: map[string]*schema{"key": described(text, "The secret of an API key.")}, PropertyOrder: []string{"key"},
			Required: []string{"key"}, AdditionalProperties: no,
		},
		"Metric":     metric,
		"MetricPage": schemaOf(t, metricPage{}, nil),
		"MetricPut": putSchema(metric, []string{"created_at", "updated_at"}, map[string]*schema{
			"unit":      {Type: "string", MaxLength: new(factory.MaxUnitBytes), Description: "UCUM: printable ASCII, with brackets in pairs."},
			"retention": described(text, "A duration such as 30d, 8w, 36h or P30D, or forever; null is the default of the store."),
		}),
		"Health": schemaOf(t, probeBody{}, map[string]*schema{"status": words("ok", "degraded", "down", "ready", "draining", "starting", "unavailable", "started")}),
	}
	addDocumentSchemas(t, all)
	addAlarmSchemas(t, all)
	addEventSchemas(all)
	return all
}
