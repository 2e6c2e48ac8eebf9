package main

import (
	"context"
	"net/http"
	"strconv"
	"strings"
)

// peer is a way to call an API.
type peer struct {
	name   string
	module string // empty for the standard library
	wire   wire
	dial   func(http.RoundTripper) (client, error)
}

// client makes the calls that are compared.
type client struct {
	get  func(context.Context) error
	walk func(context.Context, func(id int)) error // visits every item that the list yields
}

// peers returns the compared SDKs. The first is the baseline.
func peers() []peer {
	return []peer{
		netHTTP(), netHTTP2(), metloGo(), gitlabPeer(), githubPeer(), hcloudPeer(), stripePeer(), tailscalePeer(), tfePeer(), godoPeer(),
		openaiPeer(), anthropicPeer(),
	}
}

// digits returns the number at the end of an id such as tag-12.
func digits(id string) int {
	n, _ := strconv.Atoi(id[strings.LastIndexByte(id, '-')+1:])
	return n
}

// textItem starts an item whose id is text with a prefix, and goes on with rest.
func textItem(prefix, rest string) func([]byte, int) []byte {
	return func(b []byte, id int) []byte {
		b = append(append(b, `{"id":"`...), prefix...)
		return append(strconv.AppendInt(b, int64(id), 10), rest...)
	}
}

// numberItem starts an item whose id is a number, and goes on with rest.
func numberItem(rest string) func([]byte, int) []byte {
	return func(b []byte, id int) []byte {
		return append(strconv.AppendInt(append(b, `{"id":`...), int64(id), 10), rest...)
	}
}

// tail returns the end of a page whose cursor is its last item.
func tail(p page, prefix string) string {
	return `],"has_more":` + strconv.FormatBool(p.more()) + `,"last_id":"` + prefix + strconv.Itoa(p.lastID) + `"}`
}
