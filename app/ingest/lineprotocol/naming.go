package lineprotocol

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"smart-factory-backend/app/factory"
)

// Naming says which name the metric of a field has. With Tags, no two of a machine's
// fields get the same name that differ in key or tags, or in their measurement if
// it is part of the name. DESIGN.md of ingest has the grammar.
type Naming struct {
	// Measurement puts the measurement and an underscore before the key.
	Measurement bool
	// Tags puts all tags but the machine's behind it, in Prometheus form:
	//
	//	disk_used_percent{device="sda1",path="/"}
	//
	// Without it, tags are ignored, and values that only they tell apart overwrite
	// each other. That is how releases before this option named metrics.
	Tags bool
}

// measurementLabel is the label of a measurement that cannot be told from the name.
// InfluxDB reserves it, too.
const measurementLabel = "_measurement"

// metric returns the metric of a field; tags are sorted by key.
func (n Naming) metric(measurement, key string, tags []Tag) string {
	var dst []byte
	if n.Measurement {
		dst = append(n.appendName(dst, measurement), '_')
	}
	dst = n.appendName(dst, key)
	if !n.Tags {
		return string(dst)
	}
	var own [1]Tag
	if n.Measurement && !endsMeasurementAt(string(dst), len(n.appendName(nil, measurement))) {
		own[0] = Tag{measurementLabel, measurement}
		at, _ := slices.BinarySearchFunc(tags, own[0], compareTags)
		tags = slices.Insert(slices.Clone(tags), at, own[0])
	}
	for i, tag := range tags {
		dst = append(dst, "{,"[min(i, 1)])
		dst = append(appendLabelName(dst, tag.Key), '=')
		dst = appendQuoted(dst, tag.Value)
	}
	if len(tags) > 0 {
		dst = append(dst, '}')
	}
	return string(dst)
}

func compareTags(a, b Tag) int { return strings.Compare(a.Key, b.Key) }

// appendName appends a measurement or a key of a field. If labels may follow, it
// escapes the brace that begins them.
func (n Naming) appendName(dst []byte, name string) []byte {
	if !n.Tags || !strings.ContainsAny(name, `\{`) {
		return append(dst, name...)
	}
	return append(dst, nameEscapes.Replace(name)...)
}

var nameEscapes = strings.NewReplacer(`\`, `\\`, `{`, `\{`)

// appendLabelName appends the key of a tag, in quotes unless it is a label name of
// Prometheus.
func appendLabelName(dst []byte, key string) []byte {
	for i := range len(key) {
		c := key[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return appendQuoted(dst, key)
		}
	}
	return append(dst, key...)
}

// appendQuoted appends text in quotes. Text that may not be part of a name, such as
// invisible characters, is written in ASCII.
func appendQuoted(dst []byte, text string) []byte {
	if !isASCII(text) && factory.ValidateName(factory.KindMetric, "."+text+".") != nil {
		return strconv.AppendQuoteToASCII(dst, text)
	}
	dst = append(dst, '"')
	for i := range len(text) {
		if text[i] == '"' || text[i] == '\\' {
			dst = append(dst, '\\')
		}
		dst = append(dst, text[i])
	}
	return append(dst, '"')
}

func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// endsMeasurementAt reports whether a reader of name takes its first n bytes for the
// measurement: those before its first underscore, or one of compoundMeasurements.
func endsMeasurementAt(name string, n int) bool {
	end := strings.IndexByte(name, '_')
	for _, compound := range compoundMeasurements {
		if len(compound) > end && len(compound) < len(name) && name[len(compound)] == '_' && name[:len(compound)] == compound {
			end = len(compound)
		}
	}
	return n == end
}

// compoundMeasurements are names with an underscore that Telegraf's inputs give to
// their measurements. The list is closed: another entry would rename metrics that
// are stored.
var compoundMeasurements = []string{
	"amqp_consumer", "dns_query", "docker_container_blkio", "docker_container_cpu", "docker_container_health",
	"docker_container_mem", "docker_container_net", "docker_container_status", "http_listener_v2", "http_response",
	"internal_agent", "internal_gather", "internal_memstats", "internal_write", "kafka_consumer", "kernel_vmstat",
	"mqtt_consumer", "nats_consumer", "net_response", "nstat_tcp", "socket_listener", "smart_attribute", "smart_device",
	"systemd_units", "win_cpu", "win_disk", "win_diskio", "win_mem", "win_net", "win_perf_counters", "win_services",
	"win_swap", "win_system", "x509_cert",
}
