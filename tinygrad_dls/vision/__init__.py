"""Boxes, masks and pictures: what detection and segmentation share, under torchvision's names."""

from .._util.namespaces import answer_wrong_names as _answer_wrong_names
from . import transforms as transforms
from .anchors import anchor_shapes as anchor_shapes
from .anchors import decode as decode
from .anchors import encode as encode
from .anchors import grid_anchors as grid_anchors
from .anchors import match_anchors as match_anchors
from .average_precision import average_precision as average_precision
from .average_precision import mean_average_precision as mean_average_precision
from .average_precision import precision_recall as precision_recall
from .boxes import box_area as box_area
from .boxes import box_convert as box_convert
from .boxes import clip_boxes_to_image as clip_boxes_to_image
from .boxes import remove_small_boxes as remove_small_boxes
from .drawing import draw_activations as draw_activations
from .drawing import draw_boxes as draw_boxes
from .drawing import draw_filters as draw_filters
from .drawing import draw_masks as draw_masks
from .images import read_image as read_image
from .masks import class_iou as class_iou
from .masks import confusion_matrix as confusion_matrix
from .masks import dice as dice
from .masks import mask_iou as mask_iou
from .masks import masks_to_boxes as masks_to_boxes
from .masks import mean_iou as mean_iou
from .overlap import box_iou as box_iou
from .overlap import generalized_box_iou as generalized_box_iou
from .overlap import generalized_box_iou_loss as generalized_box_iou_loss
from .suppression import batched_nms as batched_nms
from .suppression import nms as nms
from .suppression import soft_nms as soft_nms

_answer_wrong_names(globals())
