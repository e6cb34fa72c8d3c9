package skillbox

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"net/http"
	"strings"
)

const eventBytes = 16 << 20

// FollowLogs calls give with each line of an execution's log while it runs, and returns when the execution has ended.
// A broken connection is opened again, and lines that were given are not repeated. An error of give ends it, and is
// returned.
func (c *Client) FollowLogs(ctx context.Context, id string, give func(line string) error) error {
	path, err := executionPath(id)
	if err != nil {
		return err
	}
	request := &call{method: http.MethodGet, path: path + "/logs?follow=true", header: http.Header{"Accept": {"text/event-stream"}}, silence: silentTime}
	lines := &lineMemory{seed: maphash.MakeSeed(), give: give}
	err = c.attempts(ctx, request, retry{progress: func() int { return lines.count }}, func(s *stream) error {
		if !strings.HasPrefix(s.response.Header.Get("Content-Type"), "text/event-stream") {
			return invalid(s, c.op(request)+": the answer is no event stream")
		}
		return c.consumeLog(s, request, lines)
	})
	if own, ok := err.(*callerError); ok {
		return own.error
	}
	return err
}

// callerError is the caller's own, which is not to be taken for ours.
type callerError struct{ error }

// lineMemory gives each line once, also over several connections. Every answer begins with the first line: those that
// were given are told by their hashes and left out. If a line is another (the middle of a long log is left out at its
// end), all from there on is given.
type lineMemory struct {
	seed   maphash.Seed
	given  []uint64
	number int // of the next line of this connection
	count  int
	give   func(string) error
}

func (m *lineMemory) take(line string) error {
	mark := maphash.String(m.seed, line)
	if m.number < len(m.given) && m.given[m.number] == mark {
		m.number++
		return nil
	}
	m.given = append(m.given[:m.number], mark)
	m.number++
	m.count++
	return m.give(line)
}

func (c *Client) consumeLog(s *stream, request *call, lines *lineMemory) error {
	lines.number = 0
	var parser eventParser
	piece := make([]byte, 32<<10)
	for {
		n, err := s.Read(piece)
		parser.feed(piece[:n])
		for {
			event, data, ok := parser.next()
			if !ok {
				break
			}
			switch event {
			case "end":
				return nil
			case "error":
				return errorOf(http.StatusServiceUnavailable, s.response.Header, []byte(data))
			case "message":
				if err := lines.take(data); err != nil {
					return &callerError{err}
				}
			}
		}
		if parser.size() > eventBytes {
			return &ConnectionError{Op: c.op(request), Err: fmt.Errorf("an event of the log is longer than %d bytes", eventBytes), final: true}
		}
		if err == io.EOF {
			return &ConnectionError{Op: c.op(request), Err: errors.New("the log ended without saying so")}
		}
		if err != nil {
			return err
		}
	}
}
