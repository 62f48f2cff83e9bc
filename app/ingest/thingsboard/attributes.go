package thingsboard

import (
	"strings"

	"smart-factory-backend/app/ingest"
)

// clientScope is behind the metrics of client attributes, which ThingsBoard keeps apart
// from telemetry with the same key. Telemetry with such a key is rejected.
const clientScope = `{scope="client"}`

// AttributeMetric returns the metric of a client attribute.
func AttributeMetric(key string) string { return key + clientScope }

// AttributeKey returns the key of a client attribute. ok is false for metrics of
// telemetry.
func AttributeKey(metric string) (key string, ok bool) { return strings.CutSuffix(metric, clientScope) }

// DecodeAttributes fills b from the client attributes of one machine. The error is an
// *ingest.Error; b is undefined then.
func DecodeAttributes(b *ingest.Batch, body []byte, machine string) error {
	return decode(b, body, clientScope, func(d *decoder) error {
		if d.scan.SkipSpace(); d.scan.Peek() != '{' {
			return d.scan.Fail("expected an object of attributes")
		}
		if err := d.readAttributes(machine, ""); err != nil {
			return err
		}
		return d.scan.ExpectEnd()
	})
}

// DecodeGatewayAttributes fills b from the client attributes that a gateway reports of
// its machines. The error is an *ingest.Error; b is undefined then.
func DecodeGatewayAttributes(b *ingest.Batch, body []byte) error {
	return decode(b, body, clientScope, func(d *decoder) error { return d.gateway(d.readAttributes) })
}

// readAttributes reads an object of attributes, which is the value of key in the body;
// "" is the body itself.
func (d *decoder) readAttributes(machine, key string) error {
	p := ingest.Place{Key: key, Index: noIndex}
	if d.scan.Peek() != '{' {
		return d.rejectValue(p, "expected an object of attributes")
	}
	d.setPlace(p)
	first := len(d.batch.Readings)
	if err := d.scan.Object(d.readValue); err != nil {
		return err
	}
	return d.complete(first, machine, p)
}

// DecodeDeviceName returns the machine that a gateway connects or disconnects:
//
//	{"device":"Device A","type":"press"}
//
// The error is an *ingest.Error.
func DecodeDeviceName(body []byte) (machine string, err error) {
	b := ingest.NewBatch(0, 1)
	defer b.Release()
	found := false
	err = decode(b, body, "", func(d *decoder) error {
		found = false
		if d.scan.SkipSpace(); d.scan.Peek() != '{' {
			return d.scan.Fail("expected an object with the member device")
		}
		err := d.scan.Object(func(key string) (err error) {
			if key != "device" || d.scan.Peek() != '"' {
				_, err = d.scan.Skip()
				return err
			}
			found = true
			name, err := d.scan.Text()
			machine = strings.Clone(name)
			return err
		})
		if err != nil {
			return err
		}
		return d.scan.ExpectEnd()
	})
	if err == nil && !found {
		err = &ingest.Error{Kind: ingest.Malformed, Pointer: "/device", Detail: "the member device, the name of the machine as a string, is missing"}
	}
	return machine, err
}
