// Package pvesh stands in for Proxmox's command of that name on the lab's host: it turns get, create, set and
// delete of a path into a call of the simulator's API as root@pam.
//
// The real one runs the API's code in its own process, as root, and needs no ticket; this one logs in with the
// password of root@pam, which only the lab's root can read. Arguments, the form of the answer, the words of
// refusals and the exit status are the real one's.
package pvesh

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"
)

// Options say where the simulator is.
type Options struct {
	URL          string // https://127.0.0.1:8006/api2/json
	ServerName   string // the node's name
	CAFile       string // /etc/pve/pve-root-ca.pem
	PasswordFile string // of root@pam
}

// failed is pvesh's exit status for everything that goes wrong: Perl's die.
const failed = 255

// Main is the command: args are those after the program's name.
func Main(ctx context.Context, o Options, args []string, stdout, stderr io.Writer) int {
	c, err := parse(args)
	if err != nil {
		fmt.Fprintf(stderr, "%v\n", err)
		return failed
	}
	data, err := o.run(ctx, c)
	if err != nil {
		fmt.Fprintf(stderr, "%v\n", err)
		return failed
	}
	if string(data) != "null" { // of a call that returns nothing the real one prints nothing
		fmt.Fprintf(stdout, "%s\n", data)
	}
	return 0
}

type command struct {
	method, path string
	params       url.Values
}

var methods = map[string]string{"get": http.MethodGet, "create": http.MethodPost, "set": http.MethodPut, "delete": http.MethodDelete}

func parse(args []string) (c command, err error) {
	if len(args) < 2 || methods[args[0]] == "" || !strings.HasPrefix(args[1], "/") {
		return c, errors.New("ERROR: unknown command, or no path\nUSAGE: pvesh <COMMAND> [ARGS] [OPTIONS]")
	}
	c = command{method: methods[args[0]], path: args[1], params: url.Values{}}
	for rest := args[2:]; len(rest) > 0; {
		name, ok := strings.CutPrefix(rest[0], "--")
		if !ok {
			return c, fmt.Errorf("400 too many arguments\npvesh %s %s [OPTIONS] [FORMAT_OPTIONS]", args[0], args[1])
		}
		name, value, joined := strings.Cut(name, "=")
		if rest = rest[1:]; !joined {
			if len(rest) == 0 {
				return c, fmt.Errorf("400 unable to parse option\nOption %s requires an argument", name)
			}
			value, rest = rest[0], rest[1:]
		}
		if name == "output-format" {
			if value != "json" && value != "json-pretty" {
				return c, fmt.Errorf("this stand-in prints JSON alone, not %s", value)
			}
			continue
		}
		c.params.Add(name, value)
	}
	return c, nil
}

func (o Options) run(ctx context.Context, c command) (json.RawMessage, error) {
	password, err := os.ReadFile(o.PasswordFile)
	if err != nil {
		return nil, fmt.Errorf("please run as root: %w", err)
	}
	ca, err := os.ReadFile(o.CAFile)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: o.ServerName}}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: time.Minute}
	var ticket struct{ Ticket, CSRFPreventionToken string }
	login := command{http.MethodPost, "/access/ticket", url.Values{"username": {"root@pam"}, "password": {strings.TrimSpace(string(password))}}}
	raw, err := o.call(ctx, client, login, nil)
	if err == nil {
		err = json.Unmarshal(raw, &ticket)
	}
	if err != nil {
		return nil, err
	}
	return o.call(ctx, client, c, http.Header{"Cookie": {"PVEAuthCookie=" + ticket.Ticket}, "Csrfpreventiontoken": {ticket.CSRFPreventionToken}})
}

func (o Options) call(ctx context.Context, client *http.Client, c command, header http.Header) (json.RawMessage, error) {
	at, body := o.URL+c.path, ""
	if c.method == http.MethodGet || c.method == http.MethodDelete {
		if len(c.params) > 0 {
			at += "?" + c.params.Encode()
		}
	} else {
		body = c.params.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, c.method, at, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	if header != nil {
		req.Header = header
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	var a struct {
		Data    json.RawMessage
		Message string
		Errors  map[string]string
	}
	if err := json.NewDecoder(res.Body).Decode(&a); err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		return nil, refusal(res, a.Message, a.Errors)
	}
	return a.Data, nil
}

// refusal is worded as PVE::Exception prints itself: the code first, and a line for each wrong parameter.
func refusal(res *http.Response, message string, params map[string]string) error {
	text := strings.TrimSpace(message)
	if res.StatusCode != http.StatusInternalServerError {
		text = fmt.Sprintf("%d %s", res.StatusCode, text)
	}
	for _, name := range slices.Sorted(maps.Keys(params)) {
		text += fmt.Sprintf("\n%s: %s", name, strings.TrimSpace(params[name]))
	}
	if len(params) > 0 {
		text += "\npvesh <COMMAND> <api_path> [OPTIONS] [FORMAT_OPTIONS]"
	}
	return errors.New(text)
}
