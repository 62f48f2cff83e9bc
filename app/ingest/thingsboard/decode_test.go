package thingsboard_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"smart-factory-backend/app/ingest"
	"smart-factory-backend/app/ingest/ingesttest"
	"smart-factory-backend/app/ingest/thingsboard"
)

func FuzzAttributes(f *testing.F) {
	f.Add([]byte(`{"firmware":"1.2","axes":3,"on":true,"x":null}`))
	f.Add([]byte(`{"A":{"model":'X1'},"B":[1]}`))
	f.Add([]byte(`{device:A,"device":"B"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, decode := range []func(*ingest.Batch, []byte) error{
			func(b *ingest.Batch, body []byte) error { return thingsboard.DecodeAttributes(b, body, "m") }, thingsboard.DecodeGatewayAttributes,
		} {
			b := ingest.NewBatch(ingesttest.Now, 100)
			defer b.Release()
			if decode(b, body) != nil {
				continue
			}
			ingesttest.CheckBatch(t, b)
			for i, r := range b.Readings {
				if key, ok := thingsboard.AttributeKey(r.Metric); !ok || thingsboard.AttributeMetric(key) != r.Metric || strings.HasSuffix(b.Pointer(i), `{scope="client"}{scope="client"}`) {
					t.Fatalf("reading %+v at %s is no attribute", r, b.Pointer(i))
				}
			}
		}
		_, _ = thingsboard.DecodeDeviceName(body)
	})
}

// A device's object without ts decodes to what encoding/json reads from it.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"a":1,"b":"2","c":true,"d":null,"e":{"x":[1]}}`), false)
	f.Add([]byte(`[{"ts":1700000000000,"values":{"a":1}},{"ts":"x","values":1}]`), false)
	f.Add([]byte(`{"A":[{"ts":1700000000000,"values":{"a":1}}],"B":{},"A":1,"":[]}`), true)
	f.Fuzz(func(t *testing.T, body []byte, gateway bool) {
		b := ingest.NewBatch(ingesttest.Now, 100)
		defer b.Release()
		before := bytes.Clone(body)
		var err error
		if gateway {
			err = thingsboard.DecodeGateway(b, body)
		} else {
			err = thingsboard.DecodeDevice(b, body, "m")
		}
		if !bytes.Equal(before, body) {
			t.Fatal("decode changed its input")
		}
		if err != nil {
			if _, ok := errors.AsType[*ingest.Error](err); !ok {
				t.Fatalf("decode = %v, want an ingest.Error", err)
			}
			return
		}
		ingesttest.CheckBatch(t, b)
		var want map[string]any
		if gateway || b.Rejected > 0 || json.Unmarshal(body, &want) != nil || want["values"] != nil && want["ts"] != nil {
			return
		}
		for _, r := range b.Readings {
			value := 0.0
			switch v := want[r.Metric].(type) {
			case float64:
				value = v
			case bool:
				if v {
					value = 1
				}
			case string:
				if r.Text != nil {
					if *r.Text != v {
						t.Fatalf("%q: decoded %q, encoding/json has %q", body, *r.Text, v)
					}
					continue
				}
				value, _ = strconv.ParseFloat(v, 64)
			case map[string]any, []any:
				var stored any
				if r.Text == nil || json.Unmarshal([]byte(*r.Text), &stored) != nil || !reflect.DeepEqual(stored, v) {
					t.Fatalf("%q: decoded %+v, encoding/json has %v", body, r, v)
				}
				continue
			default:
				t.Fatalf("%q: decoded %+v, encoding/json has %v", body, r, want)
			}
			if math.Float64bits(value) != math.Float64bits(r.Value) {
				t.Fatalf("%q: decoded %+v, encoding/json has %v", body, r, value)
			}
		}
	})
}
