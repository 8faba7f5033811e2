/* The event types of the editorial domain. */
#ifndef OWNLENS_EDITORIAL_H
#define OWNLENS_EDITORIAL_H

#include "ownlens.h"

extern const busbar_event_type editorial_content_event;
extern const busbar_event_type editorial_article;

#endif
