/*
 * DER (ITU-T X.690) as X.509 needs it: takers, which take one element after another off a
 * slice, and a sink that elements are put into. Each value has one encoding here: what
 * the takers accept is what the putters write.
 *
 * The bytes may come from an untrusted worker. No allocation, no I/O, linear time.
 */
#ifndef POLICY_DER_H
#define POLICY_DER_H

#include "policy/text.h"

#define DER_MAX 65536 /* bytes of anything that is read or written here */

#define DER_BOOLEAN	     0x01
#define DER_INTEGER	     0x02
#define DER_BIT_STRING	     0x03
#define DER_OCTET_STRING     0x04
#define DER_OBJECT_ID	     0x06
#define DER_UTF8_STRING	     0x0c
#define DER_PRINTABLE_STRING 0x13
#define DER_UTC_TIME	     0x17
#define DER_GENERALIZED_TIME 0x18
#define DER_SEQUENCE	     0x30
#define DER_SET		     0x31
#define DER_CONTEXT(n)	     (0x80 + (n))
#define DER_EXPLICIT(n)	     (0xa0 + (n))

/*@ predicate der_readable(uint8_t *at, size_t length) =
      length <= DER_MAX && \valid_read(at + (0 .. length - 1));
*/

/*@ // Of an element: the bytes before its content, and of that.
    logic integer der_head{L}(uint8_t *at) = at[1] < 0x80 ? 2 : at[1] == 0x81 ? 3 : 4;
    logic integer der_size{L}(uint8_t *at) =
      at[1] < 0x80 ? at[1] : at[1] == 0x81 ? at[2] : 256 * at[2] + at[3];
    predicate der_content{L}(uint8_t *at, uint8_t *content, integer length) =
      content == at + der_head(at) && length == der_size(at);
*/

/*
 * Takers. Each takes a whole element off `from`, or returns false; the document is then
 * refused, as neither `from` nor `out` is good for anything further.
 */

/* The element of this tag; `out` becomes its content. */
/*@ requires \valid(from) && \valid(out) && \separated(from, out);
    requires der_readable(from->at, from->length);
    assigns *from, *out;
    ensures der_readable(from->at, from->length);
    ensures \result ==> from->length < \old(from->length);
    ensures \result ==> der_readable(out->at, out->length);
    ensures \result ==> out->length + from->length < \old(from->length);
    ensures \result ==> out->at + out->length == from->at;
    ensures \result ==>
      from->at == \old(from->at) + (\old(from->length) - from->length);
    ensures \result ==> der_content(\old(from->at), out->at, out->length);
    ensures \result ==> \old(from->at)[0] == tag;
*/
bool der_take(struct slice *from, uint8_t tag, struct slice *out);

/* The same, where nothing else may lie in `whole`. */
/*@ requires \valid(out) && der_readable(whole.at, whole.length);
    assigns *out;
    ensures \result ==> der_readable(out->at, out->length) && out->length < whole.length;
    ensures \result ==> out->at + out->length == whole.at + whole.length;
    ensures \result ==> der_content(whole.at, out->at, out->length);
*/
bool der_take_whole(struct slice whole, uint8_t tag, struct slice *out);

/* Is this the content of an INTEGER above zero, in its one minimal form? */
/*@ requires \valid_read(content) && der_readable(content->at, content->length);
    assigns \nothing;
    ensures \result ==> 0 < content->length;
    ensures \result ==> 0 < content->at[0] < 0x80 || content->length > 1;
*/
bool der_is_positive(const struct slice *content);

/* An INTEGER that is positive and minimal; `out` becomes its content, at most `most`
 * bytes, which may begin with the zero byte that keeps it positive. */
/*@ requires \valid(from) && \valid(out) && \separated(from, out);
    requires der_readable(from->at, from->length);
    assigns *from, *out;
    ensures der_readable(from->at, from->length);
    ensures \result ==> from->length < \old(from->length);
    ensures \result ==> der_readable(out->at, out->length) && 0 < out->length <= most;
    ensures \result ==> out->at[0] > 0 || out->length > 1;
*/
bool der_take_positive(struct slice *from, size_t most, struct slice *out);

/* An INTEGER from 0 to DER_NUMBER_MAX. */
#define DER_NUMBER_MAX 0x7fffffff
/*@ requires \valid(from) && \valid(out) && \separated(from, out);
    requires der_readable(from->at, from->length);
    assigns *from, *out;
    ensures der_readable(from->at, from->length);
    ensures \result ==> from->length < \old(from->length);
    ensures \result ==> *out <= DER_NUMBER_MAX;
*/
bool der_take_number(struct slice *from, uint32_t *out);

/* A BIT STRING of whole bytes. */
/*@ requires \valid(from) && \valid(out) && \separated(from, out);
    requires der_readable(from->at, from->length);
    assigns *from, *out;
    ensures der_readable(from->at, from->length);
    ensures \result ==> from->length < \old(from->length);
    ensures \result ==> der_readable(out->at, out->length);
*/
bool der_take_bits(struct slice *from, struct slice *out);

/* A BOOLEAN that is true; DER leaves out the false ones of our documents (X.690 11.5). */
/*@ requires \valid(from) && der_readable(from->at, from->length);
    assigns *from;
    ensures der_readable(from->at, from->length);
    ensures \result ==> from->length < \old(from->length);
*/
bool der_take_true(struct slice *from);

/* A Time in the one form that RFC 5280 4.1.2.5 allows for it: UTCTime from 1950 through
 * 2049, then GeneralizedTime through 9999, with seconds, in Z. Seconds since 1970. */
#define DER_TIME_MIN INT64_C(-631152000)
#define DER_TIME_MAX INT64_C(253402300799)
/*@ requires \valid(from) && \valid(out) && \separated(from, out);
    requires der_readable(from->at, from->length);
    assigns *from, *out;
    ensures der_readable(from->at, from->length);
    ensures \result ==> from->length < \old(from->length);
*/
bool der_take_time(struct slice *from, int64_t *out);

/*@ requires \valid_read(from) && der_readable(from->at, from->length);
    assigns \nothing;
    ensures \result <==> from->length > 0 && from->at[0] == tag;
*/
bool der_next_is(const struct slice *from, uint8_t tag);

/*@ requires \valid_read(slice) && der_readable(slice->at, slice->length);
    requires length <= DER_MAX && \valid_read(bytes + (0 .. length - 1));
    assigns \nothing;
    ensures \result <==> slice->length == length && bytes_equal(slice->at, bytes, length);
*/
bool der_equal(const struct slice *slice, const uint8_t *bytes, size_t length);

/*
 * Where a document is written. Once `failed` (there was no room, or a value has no
 * encoding), nothing more is written and the document is void.
 */
struct der_sink {
	uint8_t *bytes;
	size_t room;
	size_t used;
	bool failed;
};

/*@ predicate der_writable(struct der_sink *s) =
      \valid(s) && s->used <= s->room <= DER_MAX &&
      \valid(s->bytes + (0 .. s->room - 1)) &&
      \separated(s, s->bytes + (0 .. s->room - 1));
*/

/* An empty sink over this buffer; no more than DER_MAX bytes of it are used. */
/*@ requires \valid(bytes + (0 .. room - 1));
    assigns \nothing;
    ensures \result.used == 0 && \result.room <= DER_MAX && \result.room <= room;
    ensures \result.bytes == bytes && !\result.failed;
*/
struct der_sink der_sink(uint8_t *bytes, size_t room);

/* Bytes as they are, which may lie in the sink as well. */
/*@ requires der_writable(to) && der_readable(bytes, length);
    assigns to->used, to->failed, to->bytes[0 .. to->room - 1];
    ensures der_writable(to) && to->used >= \old(to->used);
*/
void der_put_bytes(struct der_sink *to, const uint8_t *bytes, size_t length);

/* An element whose content is given. */
/*@ requires der_writable(to) && der_readable(bytes, length);
    assigns to->used, to->failed, to->bytes[0 .. to->room - 1];
    ensures der_writable(to) && to->used >= \old(to->used);
*/
void der_put(struct der_sink *to, uint8_t tag, const uint8_t *bytes, size_t length);

/*
 * An element whose content is put between the two calls; der_open() returns what
 * der_close() must be given. They nest.
 */
/*@ requires der_writable(to);
    assigns \nothing;
    ensures \result == to->used;
*/
size_t der_open(const struct der_sink *to);
/*@ requires der_writable(to) && opened <= to->used;
    assigns to->used, to->failed, to->bytes[0 .. to->room - 1];
    ensures der_writable(to) && to->used >= \old(to->used);
*/
void der_close(struct der_sink *to, size_t opened, uint8_t tag);

/*@ requires der_writable(to);
    assigns to->used, to->failed, to->bytes[0 .. to->room - 1];
    ensures der_writable(to) && to->used >= \old(to->used);
*/
void der_put_true(struct der_sink *to);

/* An INTEGER of this magnitude, which begins with no zero byte. */
/*@ requires der_writable(to) && der_readable(bytes, length);
    assigns to->used, to->failed, to->bytes[0 .. to->room - 1];
    ensures der_writable(to) && to->used >= \old(to->used);
*/
void der_put_magnitude(struct der_sink *to, const uint8_t *bytes, size_t length);

/*@ requires der_writable(to);
    assigns to->used, to->failed, to->bytes[0 .. to->room - 1];
    ensures der_writable(to) && to->used >= \old(to->used);
*/
void der_put_number(struct der_sink *to, uint32_t number);
/*@ requires der_writable(to) && der_readable(bytes, length);
    assigns to->used, to->failed, to->bytes[0 .. to->room - 1];
    ensures der_writable(to) && to->used >= \old(to->used);
*/
void der_put_bits(struct der_sink *to, const uint8_t *bytes, size_t length);
/*@ requires der_writable(to);
    assigns to->used, to->failed, to->bytes[0 .. to->room - 1];
    ensures der_writable(to) && to->used >= \old(to->used);
*/
void der_put_time(struct der_sink *to, int64_t time);

#endif
