// Package socketio is a Socket.IO server: protocol 5 on top of app/engineio.
package socketio
