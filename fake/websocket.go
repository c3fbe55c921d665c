package fake

import (
	"bufio"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
)

// socket is the server's end of a WebSocket. It takes one text message and
// sends text messages.
// Source: RFC 6455.
type socket struct {
	x    *exchange
	conn net.Conn
	in   *bufio.Reader
	mu   sync.Mutex // of writes
	over context.CancelFunc
}

// maxMessage is the longest message that is read.
const maxMessage = 1 << 20

// The kinds of frames.
const (
	opContinue = 0
	opText     = 1
	opClose    = 8
	opPing     = 9
	opPong     = 10
)

// accept makes a WebSocket of the request. Where that can't be, it answers and
// returns nil.
func accept(x *exchange) *socket {
	h := x.r.Header
	key := h.Get("Sec-WebSocket-Key")
	nonce, err := base64.StdEncoding.DecodeString(key)
	if !strings.EqualFold(h.Get("Upgrade"), "websocket") || !strings.Contains(strings.ToLower(h.Get("Connection")), "upgrade") ||
		h.Get("Sec-WebSocket-Version") != "13" || err != nil || len(nonce) != 16 {
		http.Error(x.w, "this is a WebSocket", http.StatusUpgradeRequired)
		return nil
	}
	conn, both, err := http.NewResponseController(x.w).Hijack()
	if err != nil {
		http.Error(x.w, "the connection can't be a WebSocket", http.StatusInternalServerError)
		return nil
	}
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nX-Summit-Fake: %s\r\nSec-WebSocket-Accept: %s\r\n\r\n",
		x.s.Vendor.Name, base64.StdEncoding.EncodeToString(sum[:]))
	s := &socket{x: x, conn: conn, in: both.Reader}
	x.gone, s.over = context.WithCancel(context.Background())
	x.socket = s
	return s
}

// read returns the first text message.
func (s *socket) read() ([]byte, error) {
	var message []byte
	for {
		op, last, body, err := s.frame()
		switch {
		case err != nil:
			return nil, err
		case op == opClose:
			return nil, io.EOF
		case op == opPing:
			s.out(opPong, true, body)
			continue
		case op == opPong:
			continue
		case op != opText && op != opContinue || (op == opContinue) != (message != nil):
			return nil, errors.New("a frame out of order")
		}
		message = append(message, body...)
		if len(message) > maxMessage {
			return nil, errors.New("the message is too long")
		}
		if last {
			return message, nil
		}
	}
}

// watch reads what else comes until the client leaves.
func (s *socket) watch() {
	defer s.over()
	for {
		op, _, body, err := s.frame()
		if err != nil || op == opClose {
			return
		}
		if op == opPing {
			s.out(opPong, true, body)
		}
	}
}

// frame reads one frame. Those of clients are masked.
func (s *socket) frame() (op byte, last bool, body []byte, err error) {
	var head [14]byte
	if _, err := io.ReadFull(s.in, head[:2]); err != nil {
		return 0, false, nil, err
	}
	if head[0]&0x70 != 0 || head[1]&0x80 == 0 {
		return 0, false, nil, errors.New("a frame with extensions or without a mask")
	}
	size := uint64(head[1] & 0x7F)
	more := map[uint64]int{126: 2, 127: 8}[size]
	if _, err := io.ReadFull(s.in, head[2:2+more+4]); err != nil {
		return 0, false, nil, err
	}
	switch more {
	case 2:
		size = uint64(binary.BigEndian.Uint16(head[2:]))
	case 8:
		size = binary.BigEndian.Uint64(head[2:])
	}
	if size > maxMessage {
		return 0, false, nil, errors.New("the frame is too long")
	}
	mask := head[2+more : 6+more]
	body, err = io.ReadAll(io.LimitReader(s.in, int64(size)))
	if err == nil && uint64(len(body)) < size {
		err = io.ErrUnexpectedEOF
	}
	for i := range body {
		body[i] ^= mask[i%4]
	}
	return head[0] & 0x0F, head[0]&0x80 != 0, body, err
}

// head returns the head of a frame of the server.
func head(op byte, last bool, size int) []byte {
	if last {
		op |= 0x80
	}
	switch {
	case size < 126:
		return []byte{op, byte(size)}
	case size < 1<<16:
		return binary.BigEndian.AppendUint16([]byte{op, 126}, uint16(size))
	}
	return binary.BigEndian.AppendUint64([]byte{op, 127}, uint64(size))
}

func (s *socket) out(op byte, last bool, body []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.conn.Write(append(head(op, last, len(body)), body...))
	return err
}

func (s *socket) begin() {}

// send sends one message, every byte in a frame of its own where bytes are
// split.
func (s *socket) send(f frame) error {
	if s.x.fault != "split" {
		return s.out(opText, true, f.data)
	}
	for i := range f.data {
		op := byte(opContinue)
		if i == 0 {
			op = opText
		}
		if err := s.out(op, i == len(f.data)-1, f.data[i:i+1]); err != nil {
			return err
		}
	}
	return nil
}

// half sends a frame that is shorter than its head says.
func (s *socket) half(f frame) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conn.Write(append(head(opText, true, len(f.data)), f.data[:len(f.data)/2]...))
}

// end says that the connection is over.
func (s *socket) end() { s.out(opClose, true, binary.BigEndian.AppendUint16(nil, 1000)) }
