package images

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

var errPlain = errors.New("the server sends us on to an address without TLS")

// onlyHTTPS is the client with redirects to https alone.
func onlyHTTPS(c *http.Client) *http.Client {
	if c == nil {
		c = http.DefaultClient
	}
	safe := *c
	safe.CheckRedirect = func(req *http.Request, via []*http.Request) error {
		if req.URL.Scheme != "https" {
			return fmt.Errorf("%w: %s", errPlain, req.URL.Redacted())
		}
		if len(via) >= 10 {
			return errors.New("the server sends us round in circles: 10 redirects")
		}
		return nil
	}
	return &safe
}

// cause is without the address, which the caller says.
func cause(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// source is what a server says of the file at an address. It identifies one content.
type source struct {
	URL      string `json:"url"`
	ETag     string `json:"etag,omitempty"`
	Modified string `json:"lastModified,omitempty"`
	Size     int64  `json:"size"` // -1 when the server does not say
}

// validator is what If-Range takes: a strong ETag, else the date. Without either nothing is resumed.
func (s source) validator() string {
	if s.ETag != "" && !strings.HasPrefix(s.ETag, "W/") {
		return s.ETag
	}
	return s.Modified
}

// ask requests the file from an offset on. The answer starts at the offset that is returned: 0 when the
// server has another content by now, or cannot resume.
func ask(ctx context.Context, client *http.Client, from source, offset int64) (res *http.Response, src source, at int64, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, from.URL, nil)
	if err != nil {
		return nil, src, 0, permanent(err)
	}
	// A transparent gzip would make length and offset of something else.
	req.Header.Set("Accept-Encoding", "identity")
	if offset > 0 && from.validator() != "" {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", offset))
		req.Header.Set("If-Range", from.validator())
	}
	if res, err = client.Do(req); err != nil {
		if err = cause(err); errors.Is(err, errPlain) {
			err = permanent(err)
		}
		return nil, src, 0, err
	}
	src = source{URL: from.URL, ETag: res.Header.Get("ETag"), Modified: res.Header.Get("Last-Modified"), Size: res.ContentLength}
	if at, err = judge(res, from, &src, offset); err != nil {
		_ = res.Body.Close()
		return nil, src, 0, err
	}
	return res, src, at, nil
}

// judge says where in the file the answer begins.
func judge(res *http.Response, from source, src *source, offset int64) (at int64, err error) {
	switch code := res.StatusCode; {
	case code == http.StatusOK:
	case code == http.StatusPartialContent && offset > 0:
		begin, total, ok := contentRange(res.Header.Get("Content-Range"))
		if !ok || begin != offset || from.Size >= 0 && total != from.Size {
			return 0, restart(fmt.Errorf("the server answers with another part than was asked for: %q", res.Header.Get("Content-Range")))
		}
		at, src.Size = offset, total
	case code == http.StatusRequestedRangeNotSatisfiable && offset > 0:
		return 0, restart(errors.New("the server has no such part any more"))
	case code >= 500 || code == http.StatusTooManyRequests || code == http.StatusRequestTimeout:
		return 0, fmt.Errorf("the server answers %s", res.Status)
	case code == http.StatusNotFound:
		return 0, permanent(errors.New("the server answers 404: there is no such image; is the build or version still published?"))
	default:
		return 0, permanent(fmt.Errorf("the server answers %s", res.Status))
	}
	return at, contentType(res.Header.Get("Content-Type"))
}

// contentType refuses what a captive portal, an error page or a listing would be.
func contentType(header string) error {
	kind, _, err := mime.ParseMediaType(header)
	if header == "" {
		return nil
	}
	if err != nil || strings.HasPrefix(kind, "text/") || strings.HasSuffix(kind, "json") || strings.HasSuffix(kind, "xml") || strings.HasPrefix(kind, "multipart/") {
		return permanent(fmt.Errorf("the server sends %q, which is no disk image: is something between this host and the server (a proxy, a login page)?", header))
	}
	return nil
}

func contentRange(h string) (begin, total int64, ok bool) {
	rest, ok := strings.CutPrefix(h, "bytes ")
	if !ok {
		return 0, 0, false
	}
	span, size, ok1 := strings.Cut(rest, "/")
	first, _, ok2 := strings.Cut(span, "-")
	begin, err1 := strconv.ParseInt(first, 10, 64)
	total, err2 := strconv.ParseInt(size, 10, 64)
	return begin, total, ok1 && ok2 && err1 == nil && err2 == nil
}

// permanentError is not worth another try.
type permanentError struct{ error }

func (e permanentError) Unwrap() error { return e.error }

func permanent(err error) error { return permanentError{err} }

// restartError is worth another try, from the beginning.
type restartError struct{ error }

func (e restartError) Unwrap() error { return e.error }

func restart(err error) error { return restartError{err} }
