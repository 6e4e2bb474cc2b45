"""The route to try a rule: on a picture that is sent, or on a camera's last keyframe."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, File, Form, Path, Request, UploadFile

from edge.conversation import Message, Picture, Turn
from edge.present import RuleNow
from edge.web.refusals import Refusal
from edge.web.replies import RuleTestReply, model_report, timing_reply
from edge.web.routes_look import last_keyframe
from edge.web.turns import new_turn_id
from edge.web.web import Web


def build_rule_routes(web: Web) -> APIRouter:
    """What an admin may try."""
    routes = APIRouter(tags=["ask"])

    @routes.post("/api/v1/rules/{rule}/test", summary="Try a rule on a picture")
    async def test_rule(
        request: Request,
        rule: Annotated[str, Path(max_length=64)],
        image: Annotated[
            UploadFile | None, File(description="without it the camera's last keyframe is used")
        ] = None,
        camera: Annotated[
            str, Form(max_length=64, description="one of the rule's; its zones are looked at")
        ] = "",
        fresh: Annotated[bool, Form(description="take a picture now")] = False,
    ) -> RuleTestReply:
        present = await web.present()
        known = {one.name: one for one in present.rules}
        if rule not in known:
            raise Refusal(404, "there is no rule of this name", "rule")
        place = _camera_of(known[rule], camera, is_needed=image is None)
        region = known[rule].regions.get(place)
        data = (
            (await last_keyframe(web, place, fresh=fresh))[1]
            if image is None
            else await image.read()
        )
        picture = await web.uploads.decode(data, "image", region)
        turn = Turn(
            id=new_turn_id(),
            messages=(Message("user", (Picture(picture, region),)),),
            questions=(known[rule].question,),
        )
        result = await web.answer(turn, request)
        judged = known[rule].judge(result.answers[0])
        return RuleTestReply(
            rule=rule,
            camera=place or None,
            region=None if region is None else region.as_tuple(),
            answer=judged.answer.value,
            probability=round(judged.probability, 4),
            probabilities={o: round(p, 4) for o, p in judged.answer.probabilities.items()},
            verdict=judged.verdict,
            model=model_report(present),
            timing=timing_reply(result),
        )

    return routes


def _camera_of(rule: RuleNow, camera: str, *, is_needed: bool) -> str:
    """The camera whose picture or zones are meant; none for a picture of unknown origin."""
    if camera and camera not in rule.regions:
        listed = ", ".join(rule.regions)
        raise Refusal(404, f"this rule has no such camera; it has {listed}", "camera")
    if not camera and is_needed:
        return next(iter(rule.regions))
    return camera
