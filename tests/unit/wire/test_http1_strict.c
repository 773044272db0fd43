// SPDX-License-Identifier: MIT
/*
 * What is a message and what is refused, one row a case: the section that says so, the bytes,
 * and what the parser makes of them (http1_trace.h). Each row runs whole, byte by byte and
 * with every cut in two.
 *
 * Behind most refused requests stands a second one, NEXT: a parser that answers it has been
 * led to a wrong end of the first.
 */
#include "support/test.h"
#include "unit/wire/http1_trace.h"

struct row {
    const char *section;
    cl_str input;
    cl_str want;
};

// clang-format off
#define ROW(section, input, want) {section, CL_STR_INIT(input), CL_STR_INIT(want)}

#define LINE(line)      line "\r\nHost: h\r\n\r\n"
#define NEXT            "GET /next HTTP/1.1\r\nHost: h\r\n\r\n"
#define THEN            " GET /next()" /* the trace of NEXT, behind another */
#define GET(fields)     "GET / HTTP/1.1\r\nHost: h\r\n" fields "\r\n"
#define POST(fields)    "POST / HTTP/1.1\r\nHost: h\r\n" fields "\r\n"
#define CHUNKED(body)   POST("Transfer-Encoding: chunked\r\n") body
#define OK(fields)      "HTTP/1.1 200 OK\r\n" fields "\r\n"
#define TE              "Transfer-Encoding: "
#define CL              "Content-Length: "
#define BAD             "!malformed"

static const struct row request_lines[] = {
    ROW("9112 3",     GET(""),                                          "GET /()"),
    ROW("9112 3",     LINE("get / HTTP/1.1"),                           "get /()"),
    ROW("9112 3",     LINE("M-SEARCH!#$%&'*+-.^_`|~09 / HTTP/1.1"),
                      "M-SEARCH!#$%&'*+-.^_`|~09 /()"),
    ROW("9112 3",     LINE("GET  / HTTP/1.1") NEXT,                     BAD),
    ROW("9112 3",     LINE("GET /  HTTP/1.1") NEXT,                     BAD),
    ROW("9112 3",     LINE("GET / HTTP/1.1 ") NEXT,                     BAD),
    ROW("9112 3",     LINE(" GET / HTTP/1.1") NEXT,                     BAD),
    ROW("9112 3",     LINE("GET\t/\tHTTP/1.1") NEXT,                    BAD),
    ROW("9112 3",     LINE("GET /a b HTTP/1.1") NEXT,                   BAD),
    ROW("9112 3",     LINE("GET /") NEXT,                               BAD),
    ROW("9112 3",     LINE("GET") NEXT,                                 BAD),
    ROW("9112 3",     LINE("GET / ") NEXT,                              BAD),
    ROW("9112 3",     LINE("GET  HTTP/1.1") NEXT,                       BAD),
    ROW("9112 3",     LINE("/ HTTP/1.1") NEXT,                          BAD),
    ROW("9110 9.1",   LINE("G(T / HTTP/1.1") NEXT,                      BAD),
    ROW("9110 9.1",   LINE("GE:T / HTTP/1.1") NEXT,                     BAD),
    ROW("9110 9.1",   LINE("G\xc3\x89T / HTTP/1.1") NEXT,               BAD),
    ROW("9110 9.1",   LINE("G\000T / HTTP/1.1") NEXT,                   BAD),
    ROW("9112 3",     LINE("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEF / HTTP/1.1"),
                      "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEF /()"),
    ROW("9112 3",     LINE("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG / HTTP/1.1"), "!not_implemented"),
    ROW("9112 2.3",   LINE("GET / HTTP/1.0"),                           "GET /()."),
    ROW("9112 2.3",   LINE("GET / HTTP/2.0") NEXT,                      "!http_version"),
    ROW("9113 3.4",   "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",               "!http_version"),
    ROW("9112 2.3",   LINE("GET / HTTP/0.9") NEXT,                      "!http_version"),
    ROW("9110 2.5",   LINE("GET / HTTP/1.2") NEXT,                      "!http_version"),
    ROW("9112 2.3",   LINE("GET / HTTP/1.10") NEXT,                     BAD),
    ROW("9112 2.3",   LINE("GET / HTTP/1") NEXT,                        BAD),
    ROW("9112 2.3",   LINE("GET / HTTP/1,1") NEXT,                      BAD),
    ROW("9112 2.3",   LINE("GET / HTTP/+1.1") NEXT,                     BAD),
    ROW("9112 2.3",   LINE("GET / HTTP/a.1") NEXT,                      BAD),
    ROW("9112 2.3",   LINE("GET / HTTP/1.x") NEXT,                      BAD),
    ROW("9112 2.3",   LINE("GET / http/1.1") NEXT,                      BAD),
    ROW("9112 2.3",   LINE("GET / HTTPS/1.1") NEXT,                     BAD),
    ROW("9112 2.3",   LINE("GET / ICY/1.1.1") NEXT,                     BAD),
    ROW("9112 2.2",   "\r\n" GET(""),                                   "GET /()"),
    ROW("9112 2.2",   GET("") "\r\n" NEXT,                              "GET /()" THEN),
    ROW("9112 2.2",   "\r\n" GET("") "\r\n" NEXT,                       "GET /()" THEN),
    ROW("9112 2.2",   GET("") "\r\n\r\n" NEXT,                         "GET /() " BAD),
    ROW("9112 2.2",   POST(CL "2\r\n") "hi\r\n" NEXT,                   "POST /(hi)" THEN),
    ROW("9112 2.2",   "\r\n\r\n" GET(""),                               BAD),
    ROW("9112 2.2",   "\n" GET(""),                                     BAD),
    ROW("9112 2.2",   "\r" GET(""),                                     BAD),
    ROW("9112 2.2",   " \r\n" GET(""),                                  BAD),
    ROW("9112 2.2",   "\r\n",                                           ""),
    ROW("9112 2.2",   "\xef\xbb\xbf" GET(""),                           BAD),
    ROW("8446",       "\x16\x03\x01\x02\n",                             BAD),
    ROW("9112 3.2.1", LINE("GET /a?b=c?d HTTP/1.1"),                    "GET /a()"),
    ROW("9112 3.2.1", LINE("GET //a/../b HTTP/1.1"),                    "GET //a/../b()"),
    ROW("3986 2",     LINE("GET /\"<>[\\]^`{|} HTTP/1.1"),              "GET /\"<>[\\]^`{|}()"),
    ROW("9112 3.2",   LINE("GET /a#b HTTP/1.1") NEXT,                   BAD),
    ROW("9112 3.2",   LINE("GET /\xc3\xa9 HTTP/1.1") NEXT,              BAD),
    ROW("9112 3.2",   LINE("GET /\177 HTTP/1.1") NEXT,                  BAD),
    ROW("9112 3.2",   LINE("GET /a\000 HTTP/1.1") NEXT,                 BAD),
    ROW("9112 3.2",   LINE("GET /a\tb HTTP/1.1") NEXT,                  BAD),
    ROW("9112 3.2",   LINE("GET a HTTP/1.1") NEXT,                      BAD),
    ROW("9112 3.2",   LINE("GET ?a HTTP/1.1") NEXT,                     BAD),
    ROW("9112 3.2.2", LINE("GET http://o/a?b HTTP/1.1"),                "GET /a()"),
    ROW("9112 3.2.2", LINE("GET HTTPS://o:8/a HTTP/1.1"),               "GET /a()"),
    ROW("9112 3.2.2", LINE("GET http://o HTTP/1.1"),                    "GET /()"),
    ROW("9112 3.2.2", LINE("GET http://o?a HTTP/1.1"),                  "GET /()"),
    ROW("9112 3.2.2", LINE("GET http:/a HTTP/1.1") NEXT,                BAD),
    ROW("9112 3.2.2", LINE("GET http:xyo/a HTTP/1.1") NEXT,             BAD),
    ROW("9112 3.2.2", LINE("GET http:///a HTTP/1.1") NEXT,              BAD),
    ROW("9112 3.2.2", LINE("GET http://u@o/ HTTP/1.1") NEXT,            BAD),
    ROW("9112 3.2.2", LINE("GET http://o:x/ HTTP/1.1") NEXT,            BAD),
    ROW("9112 3.2.2", LINE("GET ftp://o/ HTTP/1.1") NEXT,               BAD),
    ROW("9112 3.2.3", LINE("GET h:80 HTTP/1.1") NEXT,                   BAD),
    ROW("9112 3.2.3", LINE("CONNECT h:80 HTTP/1.1") NEXT,               "!not_implemented"),
    ROW("9112 3.2.4", LINE("OPTIONS * HTTP/1.1"),                       "OPTIONS *()"),
    ROW("9112 3.2.4", LINE("OPTIONS http://o HTTP/1.1"),                "OPTIONS *()"),
    ROW("9112 3.2.4", LINE("OPTIONS http://o?a HTTP/1.1"),              "OPTIONS /()"),
    ROW("9112 3.2.4", LINE("GET * HTTP/1.1") NEXT,                      BAD),
    ROW("9112 3.2.4", LINE("OPTIONS *a HTTP/1.1") NEXT,                 BAD),
};

static const struct row field_lines[] = {
    ROW("9112 5",     GET("A:b\r\nA: \t b \t\r\nA:\r\n"),               "GET /()"),
    ROW("9110 5.5",   GET("A: \xc3\xa9\x80\xff\r\n"),                   "GET /()"),
    ROW("9110 5.5",   GET("A: b\tc\r\n"),                               "GET /()"),
    ROW("9112 2.2",   "GET / HTTP/1.1\nHost: h\n\n" NEXT,               BAD),
    ROW("9112 2.2",   "GET / HTTP/1.1\r\nHost: h\n\r\n" NEXT,           BAD),
    ROW("9112 2.2",   "GET / HTTP/1.1\r\nHost: h\r\n\n" NEXT,           BAD),
    ROW("9112 2.2",   GET("A: b\nC: d\r\n") NEXT,                       BAD),
    ROW("9112 2.2",   GET("A: b\rC: d\r\n") NEXT,                       BAD),
    ROW("9112 2.2",   GET("A: b\r\r\n") NEXT,                           BAD),
    ROW("9112 2.2",   GET("\r\r\n") NEXT,                               BAD),
    ROW("9112 2.2",   "GET / HTTP/1.1\r\r\nHost: h\r\n\r\n" NEXT,       BAD),
    ROW("9112 2.2",   "GET / HTTP/1.1\rHost: h\r\n\r\n" NEXT,           BAD),
    ROW("9110 5.5",   GET("A: b\000c\r\n") NEXT,                        BAD),
    ROW("9110 5.5",   GET("A: b\001\r\n") NEXT,                         BAD),
    ROW("9110 5.5",   GET("A: b\013c\r\n") NEXT,                        BAD),
    ROW("9110 5.5",   GET("A: b\177\r\n") NEXT,                         BAD),
    ROW("9112 5.2",   GET("A: b\r\n c\r\n") NEXT,                       BAD),
    ROW("9112 5.2",   GET("A: b\r\n\tc\r\n") NEXT,                      BAD),
    ROW("9112 5.2",   GET("A: b\r\n \r\n") NEXT,                        BAD),
    ROW("9112 5.2",   GET("A:\r\n b\r\n") NEXT,                         BAD),
    ROW("9112 2.2",   "GET / HTTP/1.1\r\n Host: h\r\n\r\n" NEXT,        BAD),
    ROW("9112 2.2",   "GET / HTTP/1.1\r\n \r\nHost: h\r\n\r\n" NEXT,    BAD),
    ROW("9112 5.1",   GET("A : b\r\n") NEXT,                            BAD),
    ROW("9112 5.1",   GET("A\t: b\r\n") NEXT,                           BAD),
    ROW("9112 5.1",   "GET / HTTP/1.1\r\nHost : h\r\n\r\n" NEXT,        BAD),
    ROW("9110 5.1",   GET(": b\r\n") NEXT,                              BAD),
    ROW("9110 5.1",   GET("A b: c\r\n") NEXT,                           BAD),
    ROW("9110 5.1",   GET("A(b): c\r\n") NEXT,                          BAD),
    ROW("9110 5.1",   GET("A\xc3\xa9: c\r\n") NEXT,                     BAD),
    ROW("9110 5.1",   GET("A\000: c\r\n") NEXT,                         BAD),
    ROW("9110 5.1",   GET("\"A\": c\r\n") NEXT,                         BAD),
    ROW("9112 5",     GET("A\r\n") NEXT,                                BAD),
    ROW("9112 5",     GET("=b\r\n") NEXT,                               BAD),
    ROW("9112 3.2",   "GET / HTTP/1.1\r\n\r\n" NEXT,                    BAD),
    ROW("9112 3.2",   "GET / HTTP/1.0\r\n\r\n",                         "GET /()."),
    ROW("9112 3.2",   "GET http://o/ HTTP/1.1\r\n\r\n" NEXT,            BAD),
    ROW("9112 3.2",   GET("Host: h\r\n") NEXT,                          BAD),
    ROW("9112 3.2",   GET("host: other\r\n") NEXT,                      BAD),
    ROW("9112 3.2",   "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n",   BAD),
    ROW("9110 7.2",   "GET / HTTP/1.1\r\nHost:\r\n\r\n" NEXT,           BAD),
    ROW("9110 7.2",   "GET / HTTP/1.1\r\nHost: a b\r\n\r\n" NEXT,       BAD),
    ROW("9110 7.2",   "GET / HTTP/1.1\r\nHost: a,b\r\n\r\n" NEXT,       BAD),
    ROW("9110 7.2",   "GET / HTTP/1.1\r\nHost: u@h\r\n\r\n" NEXT,       BAD),
    ROW("9110 7.2",   "GET / HTTP/1.1\r\nHost: h/a\r\n\r\n" NEXT,       BAD),
    ROW("9110 7.2",   "GET / HTTP/1.1\r\nHost: http://h\r\n\r\n" NEXT,  BAD),
    ROW("9110 7.2",   "GET / HTTP/1.1\r\nHost: h:65536\r\n\r\n" NEXT,   BAD),
    ROW("9110 7.2",   "GET / HTTP/1.1\r\nHost: [::g]\r\n\r\n" NEXT,     BAD),
    ROW("9110 7.2",   "GET / HTTP/1.1\r\nHost: \xc3\xa9\r\n\r\n" NEXT,  BAD),
    ROW("9110 7.2",   "GET / HTTP/1.0\r\nHost: a b\r\n\r\n",            BAD),
    ROW("9110 7.2",   "GET / HTTP/1.1\r\nHost: [::1]:9077\r\n\r\n",     "GET /()"),
    ROW("9110 5.3",   GET("Authorization: a\r\nauthorization: a\r\n"),  BAD),
    ROW("9110 5.3",   GET("Content-Type: a/b\r\nContent-Type: c/d\r\n"), BAD),
    ROW("6454 7.3",   GET("Origin: a\r\nOrigin: b\r\n"),                BAD),
    ROW("9110 5.3",   GET("Sec-Fetch-Site: none\r\nSec-Fetch-Site: none\r\n"), BAD),
    ROW("6455 11.3",  GET("Sec-WebSocket-Key: a\r\nSec-WebSocket-Key: b\r\n"), BAD),
    ROW("6455 11.3",  GET("Sec-WebSocket-Version: 13\r\nSec-WebSocket-Version: 8\r\n"), BAD),
    ROW("9110 5.3",   GET("Content-Encoding: a\r\nContent-Encoding: b\r\n"), "GET /()"),
    ROW("9110 7.6.1", GET("Connection: close\r\n") NEXT,                "GET /(). !closed"),
    ROW("9110 7.6.1", GET("Connection: a, ,CLOSE\r\n"),                 "GET /()."),
    ROW("9110 7.6.1", GET("Connection: keep-alive\r\nConnection: close\r\n"), "GET /()."),
    ROW("9110 7.6.1", GET("Connection: close\r\nConnection: keep-alive\r\n"), "GET /()."),
    ROW("9110 7.6.1", GET("Connection: close, keep-alive\r\n"),         "GET /()."),
    ROW("9110 7.6.1", GET("Connection: keep-alive, close\r\n"),         "GET /()."),
    ROW("9110 7.6.1", GET("Connection: xclose\r\n") NEXT,               "GET /()" THEN),
    ROW("9110 7.6.1", GET("Connection: a b\r\n") NEXT,                  BAD),
    ROW("9110 7.6.1", GET("Connection: close;x\r\n") NEXT,              BAD),
    ROW("9112 9.3",   "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n" NEXT, "GET /()" THEN),
    ROW("9112 9.3",   "GET / HTTP/1.0\r\n\r\n" NEXT,                    "GET /(). !closed"),
    ROW("9110 10.1.1", POST("Expect: 100-Continue\r\n" CL "2\r\n") "hi", "POST /(hi)"),
    ROW("9110 10.1.1", POST("Expect: 200-ok\r\n") NEXT,                 "!expectation_failed"),
    ROW("9110 10.1.1", POST("Expect: 100-continue, x\r\n") NEXT,        "!expectation_failed"),
    ROW("9110 10.1.1", POST("Expect:\r\n") NEXT,                        "!expectation_failed"),
    ROW("9110 10.1.1", POST("Expect: 100-continue\r\nExpect: 100-continue\r\n") NEXT,
                                                                        "!expectation_failed"),
    ROW("9110 10.1.1", "GET / HTTP/1.0\r\nExpect: x\r\n\r\n",           "GET /()."),
};

static const struct row lengths[] = {
    ROW("9112 6.3",   POST(""),                                         "POST /()"),
    ROW("9112 6.3",   POST(CL "0\r\n") NEXT,                            "POST /()" THEN),
    ROW("9112 6.3",   POST(CL "5\r\n") "hello" NEXT,                    "POST /(hello)" THEN),
    ROW("9112 6.3",   POST(CL "5\r\n") "hel",                           "POST /(hel~"),
    ROW("9112 6.3",   POST(CL "00005\r\n") "hello",                     "POST /(hello)"),
    ROW("9112 6.3",   POST("content-LENGTH:5\r\n") "hello",             "POST /(hello)"),
    ROW("9110 9.3.1", GET(CL "5\r\n") "GET /" NEXT,                     "GET /(GET /)" THEN),
    ROW("9110 9.3.2", "HEAD / HTTP/1.1\r\nHost: h\r\n" CL "2\r\n\r\nhi" NEXT, "HEAD /(hi)" THEN),
    ROW("9112 6.3",   "POST / HTTP/1.0\r\n" CL "2\r\n\r\nhi",           "POST /(hi)."),
    ROW("9110 8.6",   POST(CL "+5\r\n") "hello" NEXT,                   BAD),
    ROW("9110 8.6",   POST(CL "-5\r\n") "hello" NEXT,                   BAD),
    ROW("9110 8.6",   POST(CL "0x5\r\n") "hello" NEXT,                  BAD),
    ROW("9110 8.6",   POST(CL "5 5\r\n") "hello" NEXT,                  BAD),
    ROW("9110 8.6",   POST(CL "5, 5\r\n") "hello" NEXT,                 BAD),
    ROW("9110 8.6",   POST(CL "5,6\r\n") "hello" NEXT,                  BAD),
    ROW("9110 8.6",   POST(CL "5.0\r\n") "hello" NEXT,                  BAD),
    ROW("9110 8.6",   POST(CL "5;x\r\n") "hello" NEXT,                  BAD),
    ROW("9110 8.6",   POST(CL "1e1\r\n") "hello" NEXT,                  BAD),
    ROW("9110 8.6",   POST(CL "\"5\"\r\n") "hello" NEXT,                BAD),
    ROW("9110 8.6",   POST(CL "5\013\r\n") "hello" NEXT,                BAD),
    ROW("9110 8.6",   POST(CL "\r\n") "hello" NEXT,                     BAD),
    ROW("9110 8.6",   POST(CL "\xd9\xa5\r\n") "hello" NEXT,             BAD),
    ROW("9110 8.6",   POST(CL "5\r\n" CL "5\r\n") "hello" NEXT,         BAD),
    ROW("9110 8.6",   POST(CL "5\r\n" CL "0\r\n") "hello" NEXT,         BAD),
    ROW("9110 8.6",   POST(CL "0\r\ncontent-length: 5\r\n") "hello" NEXT, BAD),
    ROW("9110 8.6",   POST(CL "9223372036854775808\r\n") NEXT,          BAD),
    ROW("9110 8.6",   POST(CL "18446744073709551621\r\n") "hello" NEXT, BAD),
    ROW("9110 8.6",   POST(CL "4294967301\r\n") "hello" NEXT,           "POST /(!too_large"),
    ROW("9110 8.6",   POST(CL "1099511627776\r\n"),                     "POST /(!too_large"),
    ROW("9110 8.6",   POST(CL "9223372036854775807\r\n"),               "POST /(!too_large"),
    ROW("9110 8.6",   POST(CL "1048576\r\n"),                           "POST /(!too_large"),
    ROW("9110 8.6",   POST(CL "1048575\r\n"),                           "POST /(~"),
    ROW("9112 6.1",   POST(CL "6\r\n" TE "chunked\r\n") "0\r\n\r\nX" NEXT, BAD),
    ROW("9112 6.1",   POST(TE "chunked\r\n" CL "6\r\n") "0\r\n\r\nX" NEXT, BAD),
    ROW("9112 6.1",   POST(CL "4\r\n" TE "chunked\r\n") "5c\r\n" NEXT,  BAD),
    ROW("9112 6.1",   POST(CL "0\r\n" TE "identity\r\n") NEXT,          BAD),
    ROW("9112 6.1",   POST(CL "5\r\n" TE "xchunked\r\n") "hello" NEXT,  BAD),
};

static const struct row codings[] = {
    ROW("9112 7.1",   CHUNKED("5\r\nhello\r\n0\r\n\r\n") NEXT,          "POST /(hello)" THEN),
    ROW("9112 7",     POST(TE "Chunked\r\n") "0\r\n\r\n",               "POST /()"),
    ROW("9112 7",     POST("transfer-encoding:\tCHUNKED \r\n") "0\r\n\r\n", "POST /()"),
    ROW("9112 6.1",   POST(TE "gzip\r\n") NEXT,                         "!not_implemented"),
    ROW("9112 6.1",   POST(TE "identity\r\n") NEXT,                     "!not_implemented"),
    ROW("9112 6.1",   POST(TE "xchunked\r\n") "0\r\n\r\n" NEXT,         "!not_implemented"),
    ROW("9112 6.1",   POST(TE "chunke\r\n") "0\r\n\r\n" NEXT,           "!not_implemented"),
    ROW("9112 6.1",   POST(TE "gzip, chunked\r\n") "0\r\n\r\n" NEXT,    "!not_implemented"),
    ROW("9112 6.1",   POST(TE "chunked, chunked\r\n") "0\r\n\r\n" NEXT, BAD),
    ROW("9112 6.1",   POST(TE "chunked, identity\r\n") "0\r\n\r\n" NEXT, BAD),
    ROW("9112 6.1",   POST(TE "chunked, gzip\r\n") "0\r\n\r\n" NEXT,    BAD),
    ROW("9112 6.1",   POST(TE "chunked,\r\n") "0\r\n\r\n" NEXT,         BAD),
    ROW("9112 6.1",   POST(TE ",chunked\r\n") "0\r\n\r\n" NEXT,         BAD),
    ROW("9112 6.1",   POST(TE "\r\n") "0\r\n\r\n" NEXT,                 BAD),
    ROW("9112 6.1",   POST(TE "chunked;q=1\r\n") "0\r\n\r\n" NEXT,      BAD),
    ROW("9112 6.1",   POST(TE "\"chunked\"\r\n") "0\r\n\r\n" NEXT,      BAD),
    ROW("9112 6.1",   POST(TE "chunked chunked\r\n") "0\r\n\r\n" NEXT,  BAD),
    ROW("9112 6.1",   POST(TE "\013chunked\r\n") "0\r\n\r\n" NEXT,      BAD),
    ROW("9112 6.1",   POST(TE "chunked\000\r\n") "0\r\n\r\n" NEXT,      BAD),
    ROW("9112 6.1",   POST(TE "\xa0" "chunked\r\n") "0\r\n\r\n" NEXT,   BAD),
    ROW("9112 5.1",   POST("Transfer-Encoding : chunked\r\n") "0\r\n\r\n" NEXT, BAD),
    ROW("9112 5.2",   POST("Transfer-Encoding:\r\n chunked\r\n") "0\r\n\r\n" NEXT, BAD),
    ROW("9112 5.2",   POST("A: b\r\n Transfer-Encoding: chunked\r\n") NEXT, BAD),
    ROW("9112 2.2",   POST("A: b\nTransfer-Encoding: chunked\r\n") NEXT, BAD),
    ROW("9112 2.2",   POST("A: b\rTransfer-Encoding: chunked\r\n") NEXT, BAD),
    ROW("9112 6.1",   POST(TE "chunked\r\n" TE "chunked\r\n") "0\r\n\r\n" NEXT, BAD),
    ROW("9112 6.1",   POST(TE "chunked\r\n" TE "x\r\n") "0\r\n\r\n" NEXT, BAD),
    ROW("9112 6.1",   POST(TE "x\r\n" TE "chunked\r\n") "0\r\n\r\n" NEXT, BAD),
    ROW("9112 6.1",   "POST / HTTP/1.0\r\n" TE "chunked\r\n\r\n0\r\n\r\n", BAD),
    // Names that look alike are other fields: the body is none, and the next request is bad.
    ROW("9110 5.1",   POST("Transfer_Encoding: chunked\r\n") "0\r\n\r\n", "POST /() " BAD),
    ROW("9110 5.1",   POST("Content_Length: 5\r\n") "hello\r\n",        "POST /() " BAD),
};

static const struct row chunks[] = {
    ROW("9112 7.1",   CHUNKED("0\r\n\r\n"),                             "POST /()"),
    ROW("9112 7.1",   CHUNKED("a\r\n0123456789\r\n0\r\n\r\n"),          "POST /(0123456789)"),
    ROW("9112 7.1",   CHUNKED("A\r\n0123456789\r\n000\r\n\r\n"),        "POST /(0123456789)"),
    ROW("9112 7.1",   CHUNKED("000000000000000000002\r\nhi\r\n0\r\n\r\n"), "POST /(hi)"),
    ROW("9112 7.1",   CHUNKED("1\r\nh\r\n1\r\ni\r\n0\r\n\r\n") NEXT,    "POST /(hi)" THEN),
    ROW("9112 7.1",   CHUNKED("2\r\n\r\n\r\n0\r\n\r\n"),                "POST /(\r\n)"),
    ROW("9112 7.1",   CHUNKED("2\r\nhi\r\n"),                           "POST /(hi~"),
    ROW("9112 7.1",   CHUNKED("2\r\nhi\r\n0\r\n"),                      "POST /(hi~"),
    ROW("9112 7.1",   GET(TE "chunked\r\n") "2\r\nhi\r\n0\r\n\r\n" NEXT, "GET /(hi)" THEN),
    ROW("9112 7.1",   CHUNKED("\r\nhi\r\n0\r\n\r\n"),                   "POST /(" BAD),
    ROW("9112 7.1",   CHUNKED("-2\r\nhi\r\n0\r\n\r\n"),                 "POST /(" BAD),
    ROW("9112 7.1",   CHUNKED("+2\r\nhi\r\n0\r\n\r\n"),                 "POST /(" BAD),
    ROW("9112 7.1",   CHUNKED("0x2\r\nhi\r\n0\r\n\r\n"),                "POST /(" BAD),
    ROW("9112 7.1",   CHUNKED("2h\r\nhi\r\n0\r\n\r\n"),                 "POST /(" BAD),
    ROW("9112 7.1",   CHUNKED("g\r\nhi\r\n0\r\n\r\n"),                  "POST /(" BAD),
    ROW("9112 7.1",   CHUNKED("2_\r\nhi\r\n0\r\n\r\n"),                 "POST /(" BAD),
    ROW("9112 7.1",   CHUNKED("2,0\r\nhi\r\n0\r\n\r\n"),                "POST /(" BAD),
    ROW("9112 7.1",   CHUNKED("2\000\r\nhi\r\n0\r\n\r\n"),              "POST /(" BAD),
    ROW("9112 7.1",   CHUNKED("\xef\xbc\x92\r\nhi\r\n0\r\n\r\n"),       "POST /(" BAD),
    ROW("9112 7.1.1", CHUNKED(" 2\r\nhi\r\n0\r\n\r\n"),                 "POST /(" BAD),
    ROW("9112 7.1.1", CHUNKED("2 \r\nhi\r\n0\r\n\r\n"),                 "POST /(" BAD),
    ROW("9112 7.1.1", CHUNKED("2\t\r\nhi\r\n0\r\n\r\n"),                "POST /(" BAD),
    ROW("9112 7.1",   CHUNKED("2\r\r\nhi\r\n0\r\n\r\n"),                "POST /(" BAD),
    ROW("9112 2.2",   CHUNKED("2\nhi\r\n0\r\n\r\n"),                    "POST /(" BAD),
    ROW("9112 2.2",   CHUNKED("2\rhi\r\n0\r\n\r\n"),                    "POST /(" BAD),
    ROW("9112 2.2",   CHUNKED("2\r\nhi\n0\r\n\r\n"),                    "POST /(hi" BAD),
    ROW("9112 2.2",   CHUNKED("2\r\nhi\r0\r\n\r\n"),                    "POST /(hi" BAD),
    ROW("9112 7.1",   CHUNKED("2\r\nhi0\r\n\r\n"),                      "POST /(hi" BAD),
    ROW("9112 7.1",   CHUNKED("2\r\nhello\r\n0\r\n\r\n"),               "POST /(he" BAD),
    ROW("9112 7.1",   CHUNKED("5\r\nhi\r\n0\r\n\r\n"),                  "POST /(hi\r\n0" BAD),
    ROW("9112 7.1",   CHUNKED("8000000000000000\r\nhi\r\n0\r\n\r\n"),   "POST /(" BAD),
    ROW("9112 7.1",   CHUNKED("ffffffffffffffff\r\nhi\r\n0\r\n\r\n"),   "POST /(" BAD),
    ROW("9112 7.1",   CHUNKED("10000000000000002\r\nhi\r\n0\r\n\r\n"),  "POST /(" BAD),
    ROW("9112 7.1",   CHUNKED("7fffffffffffffff\r\nhi\r\n0\r\n\r\n"),   "POST /(!too_large"),
    ROW("9112 7.1",   CHUNKED("100000002\r\nhi\r\n0\r\n\r\n"),          "POST /(!too_large"),
    ROW("9112 7.1",   CHUNKED("100000\r\n"),                            "POST /(!too_large"),
    ROW("9112 7.1",   CHUNKED("2\r\nhi\r\nffffe\r\n"),                  "POST /(hi!too_large"),
    ROW("9112 7.1",   CHUNKED("2\r\nhi\r\nffffd\r\n"),                  "POST /(hi~"),
    ROW("9112 7.1.1", CHUNKED("2;a\r\nhi\r\n0;b=c;d=\"e\"\r\n\r\n"),    "POST /(hi)"),
    ROW("9112 7.1.1", CHUNKED("2;a=\"\";b=\"\\\";c\"\r\nhi\r\n0\r\n\r\n"), "POST /(hi)"),
    ROW("9112 7.1.1", CHUNKED("2;a=\"\t\xc3\xa9;=\"\r\nhi\r\n0\r\n\r\n"), "POST /(hi)"),
    ROW("9112 7.1.1", CHUNKED("2;\r\nhi\r\n0\r\n\r\n"),                 "POST /(" BAD),
    ROW("9112 7.1.1", CHUNKED("2;;a\r\nhi\r\n0\r\n\r\n"),               "POST /(" BAD),
    ROW("9112 7.1.1", CHUNKED("2;a;\r\nhi\r\n0\r\n\r\n"),               "POST /(" BAD),
    ROW("9112 7.1.1", CHUNKED("2;=a\r\nhi\r\n0\r\n\r\n"),               "POST /(" BAD),
    ROW("9112 7.1.1", CHUNKED("2;a=\r\nhi\r\n0\r\n\r\n"),               "POST /(" BAD),
    ROW("9112 7.1.1", CHUNKED("2;a=b=c\r\nhi\r\n0\r\n\r\n"),            "POST /(" BAD),
    ROW("9112 7.1.1", CHUNKED("2 ;a\r\nhi\r\n0\r\n\r\n"),               "POST /(" BAD),
    ROW("9112 7.1.1", CHUNKED("2; a\r\nhi\r\n0\r\n\r\n"),               "POST /(" BAD),
    ROW("9112 7.1.1", CHUNKED("2;a = b\r\nhi\r\n0\r\n\r\n"),            "POST /(" BAD),
    ROW("9112 7.1.1", CHUNKED("2;a=\"b\r\nhi\r\n0\r\n\r\n"),            "POST /(" BAD),
    ROW("9112 7.1.1", CHUNKED("2;a=\"b\\\"\r\nhi\r\n0\r\n\r\n"),        "POST /(" BAD),
    ROW("9112 7.1.1", CHUNKED("2;a=\"b\"c\r\nhi\r\n0\r\n\r\n"),         "POST /(" BAD),
    ROW("9112 7.1.1", CHUNKED("2;a=b\"c\"\r\nhi\r\n0\r\n\r\n"),         "POST /(" BAD),
    ROW("9112 7.1.1", CHUNKED("2;a\nhi\r\n0\r\n\r\n"),                  "POST /(" BAD),
    ROW("9112 7.1.1", CHUNKED("2;a\rb\r\nhi\r\n0\r\n\r\n"),             "POST /(" BAD),
    ROW("9112 7.1.1", CHUNKED("2;a=\"\001\"\r\nhi\r\n0\r\n\r\n"),       "POST /(" BAD),
    ROW("9112 7.1.1", CHUNKED("2;a=\"\n\"\r\nhi\r\n0\r\n\r\n"),         "POST /(" BAD),
    ROW("9112 7.1.2", CHUNKED("0\r\nA: b\r\nETag: c\r\n\r\n") NEXT,     "POST /()" THEN),
    ROW("9112 7.1.2", CHUNKED("0\r\nA: b\r\n"),                         "POST /(~"),
    ROW("9112 7.1.2", CHUNKED("0\r\nA: b\nC: d\r\n\r\n") NEXT,          "POST /(" BAD),
    ROW("9112 7.1.2", CHUNKED("0\r\n\n") NEXT,                          "POST /(" BAD),
    ROW("9112 7.1.2", CHUNKED("0\r\nA: b\r\n c\r\n\r\n") NEXT,          "POST /(" BAD),
    ROW("9112 7.1.2", CHUNKED("0\r\nA : b\r\n\r\n") NEXT,               "POST /(" BAD),
    ROW("9112 7.1.2", CHUNKED("0\r\nA: \000\r\n\r\n") NEXT,             "POST /(" BAD),
    ROW("9112 7.1.2", CHUNKED("0\r\nX\r\n\r\n") NEXT,                   "POST /(" BAD),
    ROW("9112 7.1.2", CHUNKED("0\r\n" NEXT) NEXT,                       "POST /(" BAD),
    ROW("9110 6.5.1", CHUNKED("0\r\nContent-Length: 0\r\n\r\n") NEXT,   "POST /(" BAD),
    ROW("9110 6.5.1", CHUNKED("0\r\ntransfer-encoding: x\r\n\r\n") NEXT, "POST /(" BAD),
    ROW("9110 6.5.1", CHUNKED("0\r\nHost: h\r\n\r\n") NEXT,             "POST /(" BAD),
    ROW("9110 6.5.1", CHUNKED("0\r\nAuthorization: x\r\n\r\n") NEXT,    "POST /(" BAD),
    ROW("9110 6.5.1", CHUNKED("0\r\nOrigin: x\r\n\r\n") NEXT,           "POST /(" BAD),
};

static const struct row answers[] = {
    ROW("9112 4",     OK(CL "2\r\n") "hi",                              "200(hi)"),
    ROW("9112 4",     "HTTP/1.1 404 \r\n" CL "0\r\n\r\n",               "404()"),
    ROW("9112 4",     "HTTP/1.1 200 a \t\xc3\xa9\r\n" CL "0\r\n\r\n",   "200()"),
    ROW("9112 4",     "HTTP/1.1 404\r\n" CL "0\r\n\r\n",                BAD),
    ROW("9112 4",     "HTTP/1.1  200 OK\r\n" CL "0\r\n\r\n",            BAD),
    ROW("9112 4",     "HTTP/1.1 20 OK\r\n\r\n",                         BAD),
    ROW("9112 4",     "HTTP/1.1 2000 OK\r\n\r\n",                       BAD),
    ROW("9112 4",     "HTTP/1.1 20x OK\r\n\r\n",                        BAD),
    ROW("9112 4",     "HTTP/1.1 +20 OK\r\n\r\n",                        BAD),
    ROW("9112 4",     "HTTP/1.1 0200 OK\r\n\r\n",                       BAD),
    ROW("9110 15",    "HTTP/1.1 099 OK\r\n\r\n",                        BAD),
    ROW("9110 15",    "HTTP/1.1 600 OK\r\n\r\n",                        BAD),
    ROW("9112 4",     "HTTP/1.1 200 a\000b\r\n\r\n",                    BAD),
    ROW("9112 4",     "HTTP/1.1 200 a\rb\r\n\r\n",                      BAD),
    ROW("9112 4",     "HTTP/1.1 200 OK\n\n",                            BAD),
    ROW("9112 4",     "\r\n" OK(CL "0\r\n"),                            BAD),
    ROW("9112 2.3",   "HTTP/2 200 OK\r\n\r\n",                          BAD),
    ROW("9112 2.3",   "HTTP/3.0 200 OK\r\n\r\n",                        "!http_version"),
    ROW("9112 2.3",   "ICY 200 OK\r\n\r\n",                             BAD),
    ROW("9112 2.3",   "SSH-2.0-x\r\n",                                  BAD),
    ROW("9112 6.3",   OK(TE "chunked\r\n") "2\r\nhi\r\n0\r\n\r\n",      "200(hi)"),
    ROW("9112 6.3",   OK(CL "2\r\n" TE "chunked\r\n") "0\r\n\r\n",      BAD),
    ROW("9112 6.3",   OK(CL "2\r\n" CL "2\r\n") "hi",                   BAD),
    ROW("9112 6.3",   OK(CL "2, 2\r\n") "hi",                           BAD),
    ROW("9112 6.1",   OK(TE "gzip\r\n"),                                "!not_implemented"),
    ROW("9112 6.1",   OK(TE "chunked, gzip\r\n"),                       BAD),
    ROW("9112 6.1",   "HTTP/1.0 200 OK\r\n" TE "chunked\r\n\r\n",       BAD),
    ROW("9112 6.3",   OK(CL "2\r\n") "hi" OK(CL "1\r\n") "x",           "200(hi) 200(x)"),
    ROW("9112 9.3",   OK(CL "2\r\nConnection: close\r\n") "hi" OK(""),  "200(hi). !closed"),
    ROW("9112 9.3",   "HTTP/1.0 200 OK\r\n" CL "2\r\n\r\nhi",           "200(hi)."),
    ROW("9110 15.2",  "HTTP/1.1 100 Continue\r\n\r\n" OK(CL "2\r\n") "hi", "100 200(hi)"),
    ROW("9110 15.2",  "HTTP/1.1 103 x\r\nLink: a\r\n\r\nHTTP/1.1 102 x\r\n\r\n" OK(CL "0\r\n"),
                                                                        "103 102 200()"),
    ROW("9112 6.3",   "HTTP/1.1 100 x\r\n" CL "9\r\n\r\n" OK(CL "0\r\n"), "100 200()"),
    ROW("9112 6.3",   "HTTP/1.1 204 x\r\n" CL "9\r\n\r\n" OK(CL "0\r\n"), "204() 200()"),
    ROW("9112 6.3",   "HTTP/1.1 204 x\r\n" TE "chunked\r\n\r\n" OK(CL "0\r\n"), "204() 200()"),
    ROW("9112 6.3",   "HTTP/1.1 304 x\r\n" CL "9\r\n\r\n" OK(CL "0\r\n"), "304() 200()"),
    ROW("9110 15.3.6", "HTTP/1.1 205 x\r\n" CL "0\r\n\r\n" OK(CL "0\r\n"), "205() 200()"),
    ROW("9110 15.2.2", "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n"
                       "\x81\x01x",                                     "101(). !closed"),
    ROW("9110 5.3",   "HTTP/1.1 426 x\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Version: 8\r\n"
                      CL "0\r\n\r\n",                                   "426()"),
    ROW("6455 11.3",  OK("Sec-WebSocket-Accept: a\r\nSec-WebSocket-Accept: a\r\n"), BAD),
    ROW("9112 7.1.2", OK(TE "chunked\r\n") "0\r\nSet-Cookie: a\r\n\r\n", "200(" BAD),
    ROW("9112 5.2",   OK("A: b\r\n c\r\n"),                             BAD),
};

/* The same, and then the server closes. */
static const struct row closed_answers[] = {
    ROW("9112 6.3",   OK("") "hi there",                                "200(hi there)."),
    ROW("9112 6.3",   OK(""),                                           "200()."),
    ROW("9112 6.3",   "HTTP/1.0 200 OK\r\n\r\nhi",                      "200(hi)."),
    ROW("9112 8",     OK(CL "2\r\n") "hi",                              "200(hi)"),
    ROW("9112 8",     OK(CL "3\r\n") "hi",                              "200(hi!closed"),
    ROW("9112 8",     OK(TE "chunked\r\n") "2\r\nhi\r\n",               "200(hi!closed"),
    ROW("9112 8",     OK(TE "chunked\r\n") "2\r\nhi\r\n0\r\n",          "200(hi!closed"),
    ROW("9112 8",     "HTTP/1.1 200 OK\r\nA: b\r\n",                    "!closed"),
    ROW("9112 8",     "HTTP/1.1 200",                                   "!closed"),
    ROW("9112 8",     "",                                               ""),
};
// clang-format on

static void
check_rows(enum cl_http_role role, const struct row *rows, size_t rows_len, bool is_closed)
{
    for (size_t i = 0; i < rows_len; i++) {
        test_note("row %zu, RFC %s: %.*s", i, rows[i].section, CL_STR_ARG(rows[i].input));
        http1_trace_check(role, rows[i].input, is_closed, rows[i].want);
    }
}

#define CHECK_ROWS(role, rows, is_closed) \
    check_rows(role, rows, sizeof(rows) / sizeof((rows)[0]), is_closed)

TEST(request_lines_are_read_strictly)
{
    CHECK_ROWS(CL_HTTP_REQUESTS, request_lines, false);
}

TEST(field_lines_are_read_strictly)
{
    CHECK_ROWS(CL_HTTP_REQUESTS, field_lines, false);
}

TEST(a_length_is_one_number_or_refused)
{
    CHECK_ROWS(CL_HTTP_REQUESTS, lengths, false);
}

TEST(the_only_transfer_coding_is_chunked)
{
    CHECK_ROWS(CL_HTTP_REQUESTS, codings, false);
}

TEST(chunks_and_trailers_are_read_strictly)
{
    CHECK_ROWS(CL_HTTP_REQUESTS, chunks, false);
}

TEST(answers_are_read_strictly)
{
    CHECK_ROWS(CL_HTTP_RESPONSES, answers, false);
}

TEST(a_closing_server_ends_only_what_may_end_so)
{
    CHECK_ROWS(CL_HTTP_RESPONSES, closed_answers, true);
}
