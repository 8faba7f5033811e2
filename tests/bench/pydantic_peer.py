#!/usr/bin/env python3
"""The peer of the engine bench: the user event as a pydantic model, `model_validate_json` per line. Prints JSON with the median
of the CPU microseconds per event. The model states the fields and limits of the contract in pydantic's own types."""
import json
import statistics
import sys
import time
from datetime import date, datetime
from enum import Enum
from typing import Annotated, Any, Optional
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

EventType = Enum("EventType", {name: name for name in (
    "article_view article_click video_play newsletter_signup subscription_prompt ad_click search navigation session_end "
    "comment share page_view scroll").split()})
Url = Annotated[str, StringConstraints(max_length=1000, pattern=r"^https?://[^\s/$.?#].[^\s]*$")]
Zone = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_+-]*(/[A-Za-z_][A-Za-z0-9_+-]*)*$")]


class UserEvent(BaseModel):
    model_config = ConfigDict(extra="forbid")
    company_id: UUID
    brand_id: UUID
    metadata: dict[str, Any] = {}
    created_at: Optional[datetime] = None
    updated_at: Optional[datetime] = None
    id: Optional[UUID] = None
    event_id: Optional[UUID] = None
    user_id: UUID
    session_id: UUID
    event_type: EventType
    event_timestamp: Optional[datetime] = None
    article_id: Optional[str] = None
    article_title: Optional[Annotated[str, Field(max_length=500)]] = None
    article_type: Optional[str] = None
    category_id: Optional[UUID] = None
    page_url: Optional[Url] = None
    country_code: Optional[Annotated[str, StringConstraints(max_length=2, pattern="^[A-Z]{2}$")]] = None
    city_id: Optional[UUID] = None
    timezone: Optional[Zone] = None
    device_type_id: Optional[UUID] = None
    os_id: Optional[UUID] = None
    browser_id: Optional[UUID] = None
    engagement_metrics: dict[str, Any] = {}
    event_date: Optional[date] = None


def main():
    with open(sys.argv[1], "rb") as file:
        lines = [line.rstrip(b"\n") for line in file]
    samples = []
    for _ in range(6):
        begin = time.process_time()
        for line in lines:
            UserEvent.model_validate_json(line)
        samples.append((time.process_time() - begin) / len(lines) * 1e6)
    print(json.dumps({"us": statistics.median(samples[1:])}))


if __name__ == "__main__":
    main()
