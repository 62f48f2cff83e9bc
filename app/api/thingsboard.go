package api

import (
	"smart-factory-backend/app/access"
	"smart-factory-backend/app/ingest"
	"smart-factory-backend/app/ingest/thingsboard"

	"github.com/valyala/fasthttp"
)

// ThingsBoard's HTTP API: devices and gateways post to a path that holds their
// access token. A successful response has no body.

// postDeviceTelemetry is POST /api/v1/{token}/telemetry. The token is an API key,
// and the key's name is the machine. Without configured keys, the token itself is
// the machine.
func (a *API) postDeviceTelemetry(ctx *fasthttp.RequestCtx, r request) error {
	machine := deviceOf(r)
	decode := func(b *ingest.Batch, body []byte) error { return thingsboard.DecodeDevice(b, body, machine) }
	return a.ingestBody(ctx, r, decode, checkAllAccepted)
}

// deviceOf returns the machine of a request with a token.
func deviceOf(r request) string {
	if r.principal.Name == "" {
		return r.params[0]
	}
	return r.principal.Name
}

// postGatewayTelemetry is POST /api/v1/{token}/gateway/telemetry. The body is the
// message that a gateway publishes to v1/gateway/telemetry over MQTT.
func (a *API) postGatewayTelemetry(ctx *fasthttp.RequestCtx, req request) error {
	return a.ingestBody(ctx, req, thingsboard.DecodeGateway, checkAllAccepted)
}

// registerThingsBoard registers what devices and gateways use besides telemetry.
func (a *API) registerThingsBoard() {
	device := func(path string, routes ...*route) {
		for _, rt := range routes {
			rt.action, rt.keyInPath = access.Ingest, true
		}
		a.addResource("/api/v1/{token}/"+path, routes...)
	}
	device("attributes",
		&route{method: get, query: deviceAttributesQuery, handler: a.getDeviceAttributes},
		&route{method: post, handler: a.postDeviceAttributes})
	device("attributes/updates", &route{method: get, query: deviceWaitQuery, handler: a.awaitNothing})
	device("rpc",
		&route{method: get, query: deviceWaitQuery, handler: a.awaitNothing},
		&route{method: post, handler: refuseDevice("this server does not run methods for devices")})
	device("rpc/{request}", &route{method: post, handler: a.postDeviceRPCReply})
	device("claim", &route{method: post, handler: refuseDevice("this server has no customers who could claim a device; each device has an API key")})
	device("gateway/telemetry", &route{method: post, handler: a.postGatewayTelemetry})
	device("gateway/attributes", &route{method: post, handler: a.postGatewayAttributes})
	device("gateway/connect", &route{method: post, handler: a.postGatewayConnect})
	device("gateway/disconnect", &route{method: post, handler: a.postGatewayDisconnect})
	a.addResource("/api/v1/provision", &route{method: post, public: true, handler: refuseDevice("this server does not provision devices; give each device the secret of an API key with the role ingest")})
}

// refuseDevice returns a handler for what ThingsBoard has and this server does not. The
// status is one after which devices do not try again at once.
func refuseDevice(detail string) handler {
	return func(*fasthttp.RequestCtx, request) error {
		return &httpError{status: fasthttp.StatusForbidden, detail: detail}
	}
}
