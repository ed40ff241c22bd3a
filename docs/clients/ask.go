// Asks questions in one session: go run ask.go ws://HOST:PORT TOKEN SESSION QUESTION... Needs github.com/gorilla/websocket.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log"
	"math"
	"math/rand"
	"net/http"
	"os"
	"time"

	"github.com/gorilla/websocket"
)

type frame struct {
	Type, Epoch, At string
	Seq             int
	Retryable       bool
	Final           string `json:"final_response"`
}

var (
	server, token, session, waiting = os.Args[1], os.Args[2], os.Args[3], os.Args[4:]
	run, position, failures         = time.Now().UnixNano(), "", 0.0
	comeBack                        = map[int]bool{429: true, 502: true, 503: true, 504: true}
	ends                            = map[string]bool{"turn_complete": true, "interrupted": true, "error": true, "refused": true}
)

// One socket, from its start to its end.
func connect() error {
	socket, answer, err := websocket.DefaultDialer.Dial(server+"/ws/"+session+position,
		http.Header{"Authorization": {"Bearer " + token}, "Sec-WebSocket-Protocol": {"holdfast.v1.json"}})
	if answer != nil && err != nil && !comeBack[answer.StatusCode] {
		log.Fatal("refused: ", answer.Status)
	} else if err != nil {
		return err
	}
	defer socket.Close()
	for epoch := ""; ; {
		socket.SetReadDeadline(time.Now().Add(40 * time.Second)) // the server sends something at least every 20 s
		_, message, err := socket.ReadMessage()
		if websocket.IsCloseError(err, 1000, 1003, 1007, 1008, 1009, 4401, 4404, 4429) {
			log.Fatal(err)
		} else if err != nil {
			return err
		}
		for _, line := range bytes.Split(message, []byte("\n")) {
			one := frame{}
			if err := json.Unmarshal(line, &one); err != nil || (one.Type == "refused" && one.Retryable) {
				return err // such as `going_away`: come back and ask again
			}
			if one.Type == "ready" {
				epoch = one.Epoch
			}
			if ends[one.Type] {
				waiting = waiting[1:]
				fmt.Println(one.Final + map[bool]string{true: "(" + one.Type + ")"}[one.Final == ""])
			}
			if one.Type == "synced" || one.At != "" {
				position, failures = fmt.Sprintf("?after=%d&epoch=%s", one.Seq, epoch), 0
			}
			if len(waiting) == 0 {
				return nil
			}
			if one.Type == "synced" || ends[one.Type] { // again after a cut: its id makes sure it is done once
				socket.WriteJSON(map[string]string{"type": "user_input", "id": fmt.Sprint(run, len(waiting)), "text": waiting[0]})
			}
		}
	}
}

func main() {
	for ; len(waiting) > 0; failures++ {
		if connect(); len(waiting) > 0 {
			time.Sleep(time.Duration(rand.Float64() * math.Min(30, 0.5*math.Pow(2, failures)) * float64(time.Second)))
		}
	}
}
