// SPDX-License-Identifier: MIT
#include "core/sender.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "core/state.h"

#define ENDED_FIRST 8

/* -- windows ------------------------------------------------------------------------------- */

static uint64_t *
word_of(struct cl_window *window, uint64_t seq)
{
    return &window->bits[seq % CL_WINDOW_NUMBERS / 64];
}

static uint64_t
bit_of(uint64_t seq)
{
    return UINT64_C(1) << (seq % 64);
}

static bool
has_bit(const struct cl_window *window, uint64_t seq)
{
    return (window->bits[seq % CL_WINDOW_NUMBERS / 64] & bit_of(seq)) != 0;
}

/* Index of that stream's window, or windows_len. */
static uint32_t
find(const struct cl_sender *sender, uint64_t stream)
{
    uint32_t index = 0;
    while (index < sender->windows_len && sender->windows[index]->stream != stream)
        index++;
    return index;
}

enum cl_window_answer
cl_window_ask(const struct cl_sender *sender, uint64_t stream, uint64_t seq)
{
    uint32_t index = sender == NULL ? 0 : find(sender, stream);
    if (sender == NULL)
        return CL_WINDOW_NEW;
    if (index == sender->windows_len) {
        for (uint32_t i = 0; i < sender->ended_len; i++)
            if (sender->ended[i] == stream)
                return CL_WINDOW_ENDED;
        return CL_WINDOW_NEW;
    }
    const struct cl_window *window = sender->windows[index];
    if (seq > window->last)
        return CL_WINDOW_NEW;
    if (window->last - seq >= CL_WINDOW_NUMBERS || has_bit(window, seq))
        return CL_WINDOW_DUPLICATE;
    return CL_WINDOW_NEW;
}

/* Room for one more name; when there are too many the first is forgotten. */
static enum cl_err
reserve_ended(struct cl_sender *sender)
{
    uint32_t cap = sender->ended_cap == 0 ? ENDED_FIRST : sender->ended_cap * 2;
    if (sender->ended_len < sender->ended_cap || sender->ended_len == CL_STREAMS_ENDED_MAX)
        return CL_OK;
    uint64_t *grown = cl_realloc(sender->ended, cap * sizeof *grown);
    if (grown == NULL)
        return CL_ERR_NO_MEMORY;
    sender->ended = grown;
    sender->ended_cap = cap;
    return CL_OK;
}

/* The window used longest ago, for another stream. */
static struct cl_window *
end_last(struct cl_sender *sender)
{
    struct cl_window *window = sender->windows[--sender->windows_len];
    if (sender->ended_len == CL_STREAMS_ENDED_MAX)
        memmove(sender->ended, sender->ended + 1, --sender->ended_len * sizeof *sender->ended);
    sender->ended[sender->ended_len++] = window->stream;
    return window;
}

static enum cl_err
begin(struct cl_sender *sender, uint64_t stream, uint64_t seq)
{
    struct cl_window *window;
    if (sender->windows_len == CL_STREAMS_MAX) {
        enum cl_err err = reserve_ended(sender);
        if (err != CL_OK)
            return err;
        window = end_last(sender);
    } else {
        window = cl_alloc(sizeof *window);
        if (window == NULL)
            return CL_ERR_NO_MEMORY;
    }
    *window = (struct cl_window){.stream = stream, .last = seq};
    sender->windows[sender->windows_len++] = window;
    return CL_OK;
}

/* Numbers between the greatest so far and this one have not come. */
static void
advance(struct cl_window *window, uint64_t seq)
{
    if (seq - window->last >= CL_WINDOW_NUMBERS)
        memset(window->bits, 0, sizeof window->bits);
    else
        for (uint64_t i = window->last; i < seq; i++) // there may be none behind seq
            *word_of(window, i + 1) &= ~bit_of(i + 1);
    window->last = seq;
}

enum cl_err
cl_window_add(struct cl_sender *sender, uint64_t stream, uint64_t seq)
{
    uint32_t index = find(sender, stream);
    if (index == sender->windows_len) {
        enum cl_err err = begin(sender, stream, seq);
        if (err != CL_OK)
            return err;
        index = sender->windows_len - 1;
    }
    struct cl_window *window = sender->windows[index];
    memmove(&sender->windows[1], &sender->windows[0], index * sizeof(struct cl_window *));
    sender->windows[0] = window;
    if (seq > window->last)
        advance(window, seq);
    *word_of(window, seq) |= bit_of(seq);
    return CL_OK;
}

/* -- senders ------------------------------------------------------------------------------- */

struct cl_sender *
cl_sender_of(const struct cl_core *core, cl_str id)
{
    return cl_map_get(&core->senders.by_id, id);
}

enum cl_window_answer
cl_sender_ask(const struct cl_core *core, const struct cl_tracked *tracked)
{
    const struct cl_receipt *receipt = cl_core_receipt(core, tracked->id);
    const struct cl_sender *sender = cl_sender_of(core, tracked->from);
    if (tracked->from.len == 0 || cl_id_is_none(tracked->id))
        return CL_WINDOW_UNFIT;
    if (receipt != NULL)
        return receipt->sender == sender ? CL_WINDOW_DUPLICATE : CL_WINDOW_UNFIT;
    return cl_window_ask(sender, tracked->stream, tracked->seq);
}

struct cl_sender *
cl_sender_know(struct cl_core *core, cl_str id)
{
    struct cl_sender *sender = cl_sender_of(core, id);
    if (sender != NULL)
        return sender;
    sender = cl_alloc(sizeof *sender + id.len);
    if (sender == NULL)
        return NULL;
    sender->id = cl_str_of(sender + 1, id.len);
    memcpy(sender + 1, id.ptr, id.len);
    cl_list_init(&sender->receipts);
    cl_list_init(&sender->receipts_settled);
    cl_link_init(&sender->link);
    cl_link_init(&sender->touched);
    if (cl_map_put(&core->senders.by_id, sender->id, sender) != CL_OK) {
        cl_free(sender);
        return NULL;
    }
    cl_sender_file(core, sender);
    return sender;
}

void
cl_sender_file(struct cl_core *core, struct cl_sender *sender)
{
    cl_list_remove(&sender->link);
    if (sender->receipts_len > 0) {
        sender->idle_since = (cl_time){0};
        cl_list_append(&core->senders.busy, &sender->link);
        return;
    }
    sender->idle_since = core->time;
    cl_list_append(&core->senders.idle, &sender->link);
}

void
cl_sender_free(struct cl_core *core, struct cl_sender *sender)
{
    CL_ASSERT(sender->receipts_len == 0);
    cl_map_remove(&core->senders.by_id, sender->id);
    cl_list_remove(&sender->link);
    cl_list_remove(&sender->touched);
    for (uint32_t i = 0; i < sender->windows_len; i++)
        cl_free(sender->windows[i]);
    cl_free(sender->ended);
    cl_free(sender);
}

void
cl_senders_make_room(struct cl_core *core)
{
    const struct cl_senders *senders = &core->senders;
    struct cl_link *first = cl_list_first(&senders->idle);
    if (senders->by_id.count < CL_SENDERS_MAX)
        return;
    struct cl_sender *sender = cl_sender_at(first != NULL ? first : cl_list_first(&senders->busy));
    while (sender->receipts_len > 0)
        cl_receipt_free(core, cl_receipt_of_sender(cl_list_first(&sender->receipts)));
    cl_sender_free(core, sender);
}

static cl_time
end_of(const struct cl_sender *sender)
{
    return cl_time_add(sender->idle_since, CL_SENDER_LIFE_MS);
}

void
cl_senders_expire(struct cl_core *core, cl_time due)
{
    struct cl_link *first;
    while ((first = cl_list_first(&core->senders.idle)) != NULL &&
           end_of(cl_sender_at(first)).ms <= due.ms)
        cl_sender_free(core, cl_sender_at(first));
}

cl_time
cl_senders_deadline(const struct cl_core *core)
{
    struct cl_link *first = cl_list_first(&core->senders.idle);
    return first == NULL ? CL_TIME_NEVER : end_of(cl_sender_at(first));
}

void
cl_senders_init(struct cl_senders *senders, const cl_hash_key *hash_key)
{
    cl_map_init(&senders->by_id, hash_key);
    cl_list_init(&senders->busy);
    cl_list_init(&senders->idle);
}

void
cl_senders_done(struct cl_core *core)
{
    CL_LIST_EACH(&core->senders.idle, at)
    {
        cl_sender_free(core, cl_sender_at(at));
    }
    CL_LIST_EACH(&core->senders.busy, at)
    {
        cl_sender_free(core, cl_sender_at(at));
    }
    cl_map_done(&core->senders.by_id);
}

/* -- invariants ---------------------------------------------------------------------------- */

static const char *
sender_fault(const struct cl_core *core, const struct cl_sender *sender)
{
    if (sender->id.len == 0 || cl_sender_of(core, sender->id) != sender)
        return "a sender is found by its id";
    if (sender->windows_len > CL_STREAMS_MAX || sender->ended_len > CL_STREAMS_ENDED_MAX)
        return "a sender has windows for a few streams";
    for (uint32_t i = 0; i < sender->windows_len; i++) {
        const struct cl_window *window = sender->windows[i];
        if (find(sender, window->stream) != i)
            return "a stream has one window";
        if (!has_bit(window, window->last))
            return "the greatest number of a window has come";
        for (uint32_t j = 0; j < sender->ended_len; j++)
            if (sender->ended[j] == window->stream)
                return "a stream with a window has not ended";
    }
    return NULL;
}

const char *
cl_senders_fault(const struct cl_core *core)
{
    uint32_t count = 0;
    cl_time last = {0};
    CL_LIST_EACH(&core->senders.busy, at)
    {
        const struct cl_sender *sender = cl_sender_at(at);
        const char *fault = sender_fault(core, sender);
        if (fault != NULL)
            return fault;
        if (sender->receipts_len == 0 || sender->idle_since.ms != 0)
            return "a busy sender has receipts";
        count++;
    }
    CL_LIST_EACH(&core->senders.idle, at)
    {
        const struct cl_sender *sender = cl_sender_at(at);
        const char *fault = sender_fault(core, sender);
        if (fault != NULL)
            return fault;
        if (sender->receipts_len > 0 || sender->idle_since.ms < last.ms ||
            sender->idle_since.ms > core->time.ms)
            return "idle senders are listed by when they became it";
        last = sender->idle_since;
        count++;
    }
    if (count != core->senders.by_id.count || count > CL_SENDERS_MAX)
        return "senders are listed once, and not too many";
    return NULL;
}
