// SPDX-License-Identifier: MIT
/*
 * base/list.h - doubly linked lists through links inside the elements.
 *
 * A list owns nothing. A link that is in no list points at itself, so removing twice is
 * harmless.
 */
#ifndef CL_BASE_LIST_H
#define CL_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct cl_link {
    struct cl_link *prev;
    struct cl_link *next;
};

struct cl_list {
    struct cl_link head; // head.next is the first element, head.prev the last
};

/* The element of that type whose member is link. */
#define CL_LIST_ENTRY(link, type, member) ((type *)(void *)((char *)(link)-offsetof(type, member)))

/* Walks the links; the body may remove `at` itself, nothing else. */
#define CL_LIST_EACH(list, at)                                                               \
    for (struct cl_link *at = (list)->head.next, *at##_next = at->next; at != &(list)->head; \
         at = at##_next, at##_next = at->next)

static inline void
cl_link_init(struct cl_link *link)
{
    link->prev = link;
    link->next = link;
}

static inline void
cl_list_init(struct cl_list *list)
{
    cl_link_init(&list->head);
}

static inline bool
cl_list_is_empty(const struct cl_list *list)
{
    return list->head.next == &list->head;
}

static inline bool
cl_link_is_linked(const struct cl_link *link)
{
    return link->next != link;
}

/* The link is in no list; `after` is in one, or is its head. */
static inline void
cl_link_insert(struct cl_link *after, struct cl_link *link)
{
    link->prev = after;
    link->next = after->next;
    after->next->prev = link;
    after->next = link;
}

/* The link is in no list. */
static inline void
cl_list_append(struct cl_list *list, struct cl_link *link)
{
    cl_link_insert(list->head.prev, link);
}

static inline void
cl_list_prepend(struct cl_list *list, struct cl_link *link)
{
    cl_link_insert(&list->head, link);
}

static inline void
cl_list_remove(struct cl_link *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    cl_link_init(link);
}

/* Moves all elements of `from`, in order, to the end of `list`. */
static inline void
cl_list_splice(struct cl_list *list, struct cl_list *from)
{
    if (cl_list_is_empty(from))
        return;
    from->head.next->prev = list->head.prev;
    list->head.prev->next = from->head.next;
    from->head.prev->next = &list->head;
    list->head.prev = from->head.prev;
    cl_list_init(from);
}

/* NULL when empty. */
static inline struct cl_link *
cl_list_first(const struct cl_list *list)
{
    return cl_list_is_empty(list) ? NULL : list->head.next;
}

static inline struct cl_link *
cl_list_last(const struct cl_list *list)
{
    return cl_list_is_empty(list) ? NULL : list->head.prev;
}

#endif
